{{/* All that is wrong with the values, in one message. What a value must look like by itself is in values.schema.json. Each of the templates
that it asks gives a list of faults in JSON; most are in the files _validate_*.tpl. */}}
{{- define "gatehouse.validate" -}}
{{- $f := list -}}
{{- range list "gatehouse.databaseFaults" "gatehouse.switchFaults" "gatehouse.cloudSQLFaults" "gatehouse.replicaFaults" "gatehouse.secretFaults" "gatehouse.configurationFaults"
  "gatehouse.certificateFaults" "gatehouse.productionFaults" "gatehouse.outsideFaults" "gatehouse.metadataFaults" "gatehouse.backupFaults" "gatehouse.controllerFaults" -}}
{{- $f = concat $f (include . $ | fromJsonArray) -}}
{{- end -}}

{{- /* What a Job waits for before there is a release, without a word of it. */ -}}
{{- $f = concat $f (include "gatehouse.missingSecrets" (dict "root" . "first" true) | splitList "\n" | compact) -}}

{{- if $f -}}
{{- fail (printf "\n\nThese values cannot be installed (profile %s, database.mode %s):\n  - %s\n" .Values.profile (include "gatehouse.mode" .) (join "\n  - " $f)) -}}
{{- end -}}
{{- end -}}

{{/* "true" where config.harden.accept has a check. (dict "root" $ "check" ID) */}}
{{- define "gatehouse.accepts" -}}
{{- range dig "harden" "accept" list .root.Values.config -}}
{{- if and (eq .check $.check) .reason -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" where a network is everybody, or nearly so. No private network is as wide, nor what one operator has. */}}
{{- define "gatehouse.wide" -}}
{{- if regexMatch (ternary "/[0-6]$" "/[0-7]$" (contains ":" (toString .))) (toString .) -}}true{{- end -}}
{{- end -}}

{{/* "true" where a peer of a NetworkPolicy is, or every pod of the cluster. */}}
{{- define "gatehouse.widePeer" -}}
{{- if hasKey . "ipBlock" -}}{{- include "gatehouse.wide" .ipBlock.cidr -}}
{{- else if and (not .podSelector) (hasKey . "namespaceSelector") (not .namespaceSelector) -}}true{{- end -}}
{{- end -}}
