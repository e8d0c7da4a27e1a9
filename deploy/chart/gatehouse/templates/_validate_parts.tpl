{{/* Backups. */}}
{{- define "gatehouse.backupFaults" -}}
{{- $v := .Values -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $embedded := include "gatehouse.embedded" . -}}
{{- $f := list -}}
{{- if $v.backup.enabled -}}
{{- range $key := list "recipients" "destinations" -}}
{{- if not (get $v.backup $key) -}}
{{- $f = append $f (printf "backup.%s is required with backup.enabled" $key) -}}
{{- end -}}
{{- end -}}
{{- range $v.backup.destinations -}}
{{- if or (dig "s3" "secret_access_key" "" .) (dig "s3" "session_token" "" .) -}}
{{- $f = append $f (printf "backup.destinations: the key of %s is a secret, and a ConfigMap is none: put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into backup.existingSecret" .name) -}}
{{- end -}}
{{- end -}}
{{- if and $embedded (not (include "gatehouse.adminKeySecret" .)) -}}
{{- $f = append $f (printf "backup.enabled with database.mode %s reads the server by its admin API: set admin.key.generate or admin.key.existingSecret" $mode) -}}
{{- end -}}
{{- if and $v.backup.drill.enabled (not $v.backup.drill.identitySecret) -}}
{{- $f = append $f "backup.drill.identitySecret is required with backup.drill.enabled: a Secret with the private key of age" -}}
{{- end -}}
{{- else if $v.backup.drill.enabled -}}
{{- $f = append $f "backup.drill.enabled needs backup.enabled: there is nothing to restore" -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* The controller. */}}
{{- define "gatehouse.controllerFaults" -}}
{{- $v := .Values -}}
{{- $f := list -}}
{{- if and $v.controller.enabled $v.admin.tlsTerminatedBy -}}
{{- $f = append $f "controller.enabled and admin.tlsTerminatedBy exclude each other: the controller sends its key to the admin listener itself, and with TLS alone; take admin.tlsTerminatedBy out" -}}
{{- end -}}
{{- if and $v.controller.enabled (not (or (include "gatehouse.adminClients" .) (include "gatehouse.adminKeySecret" .))) -}}
{{- $f = append $f "controller.enabled needs a key of the admin API beside certificates of clients that are yours: set admin.key.existingSecret, or leave admin.key.generate empty" -}}
{{- end -}}
{{- if and $v.controller.enabled (not $v.controller.clusterRole) (not $v.controller.watchNamespaces) -}}
{{- $f = append $f "controller.clusterRole false needs controller.watchNamespaces: a controller of all namespaces has rights in all of them" -}}
{{- end -}}
{{- $route := $v.controller.apiRules.route -}}
{{- if and $route (not $v.controller.enabled) -}}
{{- $f = append $f (printf "controller.apiRules.route %s needs controller.enabled: the controller makes APIRules true" $route) -}}
{{- end -}}
{{- if and $route (ne $route "none") (not $v.doors.proxy.enabled) -}}
{{- $f = append $f (printf "controller.apiRules.route %s needs doors.proxy.enabled: that is where routes lead" $route) -}}
{{- end -}}
{{- if and (eq $route "ingress") $v.controller.apiRules.corsOrigins -}}
{{- $f = append $f "controller.apiRules.corsOrigins has no place in an Ingress: take it out, or set controller.apiRules.route to virtualservice or httproute" -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}
