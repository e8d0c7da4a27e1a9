{{/* Secrets that values name and that are not there. Only Helm that installs can look; what renders templates finds nothing missing. */}}

{{/* JSON: a list of {name, keys, first}, where `first` says that a Job needs it before the release. */}}
{{- define "gatehouse.namedSecrets" -}}
{{- $v := .Values -}}
{{- $db := $v.database -}}
{{- $job := and (include "gatehouse.external" .) (include "gatehouse.databaseJob" .) | empty | not -}}
{{- $copies := and $job $db.copyFrom | empty | not -}}
{{- $all := list
  (dict "name" $db.existingSecret "keys" (list $db.passwordKey) "first" $job)
  (dict "name" $db.tls.caSecret "keys" (list $db.tls.caKey) "first" $job)
  (dict "name" $db.tls.clientSecret "keys" (list "tls.crt" "tls.key") "first" $job)
  (dict "name" $db.bundled.existingSecret "keys" (list "password" "admin-password") "first" false)
  (dict "name" $db.cloudsql.existingSecret "keys" (list $db.cloudsql.existingSecretKey) "first" false)
  (dict "name" $v.smtp.existingSecret "keys" (list $v.smtp.existingSecretKey) "first" false)
  (dict "name" $v.geoip.existingSecret "keys" (list $v.geoip.existingSecretKey) "first" false)
  (dict "name" $v.certificate.existingSecret "keys" (list "tls.crt" "tls.key") "first" false)
  (dict "name" $v.admin.certificate.existingSecret "keys" (list "tls.crt" "tls.key") "first" false)
  (dict "name" $v.admin.caSecret "keys" (list "ca.crt") "first" false)
  (dict "name" $v.admin.key.existingSecret "keys" (list $v.admin.key.existingSecretKey) "first" $copies) -}}
{{- if not $v.secretConfig.create -}}{{- $all = append $all (dict "name" $v.secretConfig.name "keys" (list "system" "cookie") "first" $copies) -}}{{- end -}}
{{- if $db.provisioning.enabled -}}{{- $all = append $all (dict "name" $db.provisioning.existingSecret "keys" (list $db.provisioning.passwordKey) "first" $job) -}}{{- end -}}
{{- range $db.users -}}{{- $all = append $all (dict "name" .existingSecret "keys" (list (.passwordKey | default "password")) "first" $job) -}}{{- end -}}
{{- if $v.backup.enabled -}}{{- $all = append $all (dict "name" $v.backup.existingSecret "keys" list "first" false) -}}{{- end -}}
{{- if $v.backup.drill.enabled -}}{{- $all = append $all (dict "name" $v.backup.drill.identitySecret "keys" (list $v.backup.drill.identityKey) "first" false) -}}{{- end -}}
{{- if $v.metrics.serviceMonitor.enabled -}}{{- $all = append $all (dict "name" $v.metrics.serviceMonitor.keySecret "keys" (list $v.metrics.serviceMonitor.keySecretKey) "first" false) -}}{{- end -}}
{{- range $v.extraEnv -}}
{{- $of := dig "valueFrom" "secretKeyRef" dict . -}}
{{- if not (get $of "optional") -}}{{- $all = append $all (dict "name" (get $of "name") "keys" (list (get $of "key")) "first" false) -}}{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* (dict "root" $ "first" BOOL): a line for each that is missing, or lacks a key. */}}
{{- define "gatehouse.missingSecrets" -}}
{{- $first := .first -}}
{{- $lines := list -}}
{{- with .root -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}
{{- range include "gatehouse.namedSecrets" . | fromJsonArray -}}
{{- if and .name (eq .first $first) -}}
{{- $there := lookup "v1" "Secret" $.root.Release.Namespace .name -}}
{{- $lacks := list -}}
{{- range .keys -}}{{- if not (hasKey ($there.data | default dict) .) -}}{{- $lacks = append $lacks . -}}{{- end -}}{{- end -}}
{{- if not $there -}}
{{- $lines = append $lines (printf "the Secret %s is not in namespace %s: make it%s" .name $.root.Release.Namespace (ternary (printf ", with %s" (join " and " .keys)) "" (ne 0 (len .keys)))) -}}
{{- else if $lacks -}}
{{- $lines = append $lines (printf "the Secret %s in namespace %s lacks %s" .name $.root.Release.Namespace (join " and " $lacks)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $lines | uniq | join "\n" -}}
{{- end -}}
