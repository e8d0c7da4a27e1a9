{{/* Going from one kind of database to another. What is in the server's own pod, or in a database of this release, goes with it, so that
neither is replaced by what is empty unless somebody says so. */}}

{{/* What is installed, as far as the cluster can be asked; JSON, {} where nothing is. `mode` is its database.mode, `from` the copyFrom with
which it was installed, `admin` where its servers are administrated; `rolling` says that servers of before are still there, or that nobody
has looked yet, and `serving` that a server of this kind answers. */}}
{{- define "gatehouse.installed" -}}
{{- $found := dict -}}
{{- with lookup "apps/v1" "Deployment" .Release.Namespace (include "gatehouse.fullname" .) -}}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/instance" "" .) $.Release.Name -}}
{{- $said := .metadata.annotations | default dict -}}
{{- $updated := dig "status" "updatedReplicas" 0 . | int -}}
{{- $looked := ge (dig "status" "observedGeneration" 0 . | int) (int .metadata.generation) -}}
{{- $found = dict "mode" (get $said "gatehouse.dev/database-mode") "from" (get $said "gatehouse.dev/copied-from")
  "rolling" (or (not $looked) (lt $updated (dig "status" "replicas" 0 . | int)))
  "serving" (and $looked (gt (dig "status" "availableReplicas" 0 . | int) 0)) -}}
{{- range .spec.template.spec.volumes -}}
{{- if eq .name "config" -}}
{{- with lookup "v1" "ConfigMap" $.Release.Namespace (dig "configMap" "name" "" .) -}}
{{- $config := get (.data | default dict) "gatehouse.yaml" | fromYaml -}}
{{- $_ := set $found "admin" (dig "serve" "admin" "base_url" "" $config | trimSuffix "/") -}}
{{- if not $found.mode -}}{{- $_ := set $found "mode" (dig "databases" "dsn" "" $config | splitList ":" | first) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* Why data would be left behind. */}}
{{- define "gatehouse.switchFaults" -}}
{{- $f := list -}}
{{- $db := .Values.database -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $i := include "gatehouse.installed" . | fromJson -}}
{{- $status := printf "`kubectl -n %s rollout status deployment/%s`" .Release.Namespace (include "gatehouse.fullname" .) -}}
{{- $other := and $i.mode (ne $i.mode $mode) -}}
{{- $within := list "bundled" "cloudsql" -}}
{{- if and $db.copyFrom (not (include "gatehouse.embedded" .)) (not $db.migrationJob) -}}
{{- $f = append $f "database.copyFrom and database.migrationJob: false exclude each other: a server that makes the schema itself would not wait for the copy; leave database.migrationJob out of this upgrade" -}}
{{- end -}}
{{- if and $db.copyFrom $db.acknowledge -}}
{{- $f = append $f "database.copyFrom and database.acknowledge contradict each other: either all is copied, or nothing is" -}}
{{- end -}}
{{- if and $other $db.copyFrom (has $i.mode $within) (has $mode $within) -}}
{{- $f = append $f (printf "database.mode %s cannot be left for %s in one upgrade: what belongs to the one would be removed before the other has its data. Run `gatehouse data copy` yourself, and set database.acknowledge to \"nothing is copied\"" $i.mode $mode) -}}
{{- else if and $other (not $db.copyFrom) (not $db.acknowledge) -}}
{{- $f = append $f (printf "database.mode is %s where this release has %s, and nothing is copied: servers would start empty, or with what is there. %s; or, to leave the data behind, set database.acknowledge to \"nothing is copied\"" $mode $i.mode
  (ternary "Keep the mode: data is copied into a database server alone" (printf "To take everything along, set database.copyFrom to %s for this upgrade" ($i.admin | default (include "gatehouse.adminURL" .))) (ne (include "gatehouse.embedded" .) ""))) -}}
{{- else if and $i.from $i.rolling (not $other) (not $db.copyFrom) (not $db.acknowledge) -}}
{{- $f = append $f (printf "the copy from %s has not ended: servers from before it are still there, and this upgrade would break it off. Wait until %s says that it has; where the copy failed, as the log of its Job says, upgrade with database.copyFrom once more" $i.from $status) -}}
{{- else if and $i.mode (not $other) $i.serving (not $i.rolling) $db.copyFrom -}}
{{- $f = append $f (printf "database.copyFrom is for the upgrade that changes database.mode, and this release has %s already: take it out" $mode) -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* The values' affinity. Of two pods with data of their own each would answer for what the other has: there is never a second one, also
where a Deployment is scaled before its template changes, as it is when both change at once. */}}
{{- define "gatehouse.affinity" -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- if include "gatehouse.embedded" . -}}
{{- $term := dict "topologyKey" "kubernetes.io/os" "labelSelector" (dict "matchLabels" (merge (include "gatehouse.dataLabel" . | fromYaml) (include "gatehouse.selector" (dict "root" . "component" "server") | fromYaml))) -}}
{{- $anti := get $affinity "podAntiAffinity" | default dict -}}
{{- $_ := set $anti "requiredDuringSchedulingIgnoredDuringExecution" (append (get $anti "requiredDuringSchedulingIgnoredDuringExecution" | default list) $term) -}}
{{- $_ := set $affinity "podAntiAffinity" $anti -}}
{{- end -}}
{{- if $affinity -}}{{- toJson $affinity -}}{{- end -}}
{{- end -}}

{{/* The label of pods with data of their own. */}}
{{- define "gatehouse.dataLabel" -}}
{{- if include "gatehouse.embedded" . -}}gatehouse.dev/data: in-pod{{- end -}}
{{- end -}}
