{{/* The configuration of the server. */}}

{{/* The group `databases`, with which Jobs do, too. */}}
{{- define "gatehouse.databases" -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $db := .Values.database -}}
auto_migrate: {{ or (include "gatehouse.embedded" . | ne "") (and $db.autoMigrate (not $db.migrationJob)) }}
{{- if eq $mode "memory" }}
dsn: memory
{{- else if eq $mode "sqlite" }}
dsn: sqlite:///var/lib/gatehouse/
{{- else }}
{{- $dialect := include "gatehouse.dialect" . }}
{{- $group := dict "port" (include "gatehouse.databasePort" . | int) "user" $db.user "password_file" "/run/secrets/database/password" "names" $db.names }}
{{- if eq $mode "bundled" }}
{{- $_ := set $group "host" (printf "%s-postgresql" (include "gatehouse.fullname" .)) }}
{{- $_ := set $group "sslmode" "verify-full" }}
{{- $_ := set $group "sslrootcert" "/run/secrets/database-ca/ca.crt" }}
{{- else if eq $mode "cloudsql" }}
{{- $_ := set $group "host" (printf "%s-cloudsql" (include "gatehouse.fullname" .)) }}
{{- $_ := set $group (ternary "tls" "sslmode" (eq $dialect "mysql")) (ternary "false" "disable" (eq $dialect "mysql")) }}
{{- else }}
{{- $_ := set $group "host" $db.host }}
{{- if $db.tls.mode }}
{{- $_ := set $group (ternary "tls" "sslmode" (eq $dialect "mysql")) $db.tls.mode }}
{{- end }}
{{- if $db.tls.caSecret }}
{{- $_ := set $group (ternary "tls_ca" "sslrootcert" (eq $dialect "mysql")) "/run/secrets/database-ca/ca.crt" }}
{{- end }}
{{- if $db.tls.clientSecret }}
{{- $_ := set $group (ternary "tls_cert" "sslcert" (eq $dialect "mysql")) "/run/secrets/database-client/tls.crt" }}
{{- $_ := set $group (ternary "tls_key" "sslkey" (eq $dialect "mysql")) "/run/secrets/database-client/tls.key" }}
{{- end }}
{{- end }}
{{- with $db.parameters }}
{{- $_ := set $group "parameters" . }}
{{- end }}
{{- $users := dict }}
{{- range $name, $u := $db.users }}
{{- $_ := set $users $name (dict "user" $u.user "password_file" (printf "/run/secrets/database-%s/password" $name)) }}
{{- end }}
{{- if $users }}
{{- $_ := set $group "users" $users }}
{{- end }}
{{ $dialect }}:
  {{- toYaml $group | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What Jobs need to know of the databases. */}}
{{- define "gatehouse.jobConfig" -}}
{{- $db := .Values.database -}}
{{- $databases := include "gatehouse.databases" . | fromYaml -}}
{{- if eq (include "gatehouse.mode" .) "bundled" -}}
{{- $_ := set $databases "provisioning" (dict "user" "postgres" "password_file" "/run/secrets/provisioning/password") -}}
{{- else if $db.provisioning.enabled -}}
{{- $provisioning := dict "user" $db.provisioning.user "password_file" "/run/secrets/provisioning/password" -}}
{{- with $db.provisioning.database -}}{{- $_ := set $provisioning "database" . -}}{{- end -}}
{{- $_ := set $databases "provisioning" $provisioning -}}
{{- end -}}
{{- dict "databases" $databases | toYaml -}}
{{- end -}}

{{/* TLS of a listener. (dict "secret" NAME "directory" DIR "networks" LIST) */}}
{{- define "gatehouse.listenerTLS" -}}
{{- if .secret }}
cert_file: /run/secrets/{{ .directory }}/tls.crt
key_file: /run/secrets/{{ .directory }}/tls.key
{{- end }}
{{- with .networks }}
terminated_by: {{ toJson . }}
{{- end }}
{{- end -}}

{{/* What the chart itself answers for, so that `gatehouse harden` reports it as accepted: each reason says what is so with these values. */}}
{{- define "gatehouse.accepted" -}}
{{- $all := list -}}
{{- if include "gatehouse.production" . -}}
{{- $np := .Values.networkPolicy -}}
{{- if $np.enabled -}}
{{- $who := list "the pods of this release that need it" -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}{{- $who = append $who (printf "the namespace %s, which monitors it" $np.monitoringNamespace) -}}{{- end -}}
{{- if $np.admin.from -}}{{- $who = append $who "who is named in networkPolicy.admin.from" -}}{{- end -}}
{{- if .Values.ingress.admin.host -}}{{- $who = append $who (printf "the Ingress controller in the namespace %s, and through it whoever reaches that: ingress.admin.acknowledge says %q" $np.ingressNamespace .Values.ingress.admin.acknowledge) -}}{{- end -}}
{{- $all = append $all (dict "check" "admin-exposed" "reason" (printf "It has a Service of its own, and a NetworkPolicy that lets in %s." (join "; " $who))) -}}
{{- if or .Values.doors.decisions.enabled .Values.doors.extAuthz.enabled -}}
{{- $all = append $all (dict "check" "door-plain-http" "reason" (printf "A NetworkPolicy lets in the namespace %s alone, in which the Ingress controller runs%s." $np.ingressNamespace (ternary ", and who is named in networkPolicy.decisions.from" "" (ne 0 (len $np.decisions.from))))) -}}
{{- end -}}
{{- end -}}
{{- if eq (include "gatehouse.mode" .) "cloudsql" -}}
{{- $all = append $all (dict "check" "database-in-the-clear" "reason" (printf "The Cloud SQL proxy encrypts all that leaves it; between it and the server is this cluster's own network%s." (ternary ", in which a NetworkPolicy lets in this release's pods alone" "" $np.enabled))) -}}
{{- end -}}
{{- end -}}
{{- dict "all" $all | toYaml -}}
{{- end -}}

{{/* gatehouse.yaml as the server reads it: what the chart sets, with .Values.config over it. */}}
{{- define "gatehouse.config" -}}
{{- $production := include "gatehouse.production" . -}}
{{- $public := dict "address" ":4444" "tls" (include "gatehouse.listenerTLS" (dict "secret" (include "gatehouse.publicTLS" .) "directory" "tls" "networks" .Values.tlsTerminatedBy) | fromYaml) -}}
{{- with .Values.url -}}{{- $_ := set $public "base_url" . -}}{{- end -}}
{{- $admin := dict "address" ":4445" "base_url" (printf "%s/" (include "gatehouse.adminURL" .)) "tls" (include "gatehouse.listenerTLS" (dict "secret" (include "gatehouse.adminTLS" .) "directory" "admin-tls" "networks" .Values.admin.tlsTerminatedBy) | fromYaml) -}}
{{- if include "gatehouse.adminClients" . -}}
{{- $_ := set $admin.tls "client_ca_file" "/run/secrets/admin-clients/ca.crt" -}}
{{- $callers := list -}}
{{- if .Values.controller.enabled -}}{{- $callers = append $callers (dict "dns" "controller" "role" "operator" "only" (list "clients" "rules")) -}}{{- end -}}
{{- if .Values.test.enabled -}}{{- $callers = append $callers (dict "dns" "test" "role" "operator" "only" (list "clients" "identities" "oauth2/introspect")) -}}{{- end -}}
{{- $_ := set $admin "certificates" $callers -}}
{{- end -}}
{{- $serve := dict "public" $public "admin" $admin "stop_delay" (ternary "5s" "0s" (ne $production "")) -}}
{{- if .Values.doors.proxy.enabled -}}
{{- $proxy := dict "enabled" true "address" ":4455" "tls" $public.tls -}}
{{- with .Values.doors.proxy.url -}}{{- $_ := set $proxy "base_url" . -}}{{- end -}}
{{- $_ := set $serve "proxy" $proxy -}}
{{- end -}}
{{- if .Values.doors.decisions.enabled -}}{{- $_ := set $serve "decisions" (dict "enabled" true "address" ":4456") -}}{{- end -}}
{{- if .Values.doors.extAuthz.enabled -}}{{- $_ := set $serve "ext_authz" (dict "enabled" true "address" ":4457") -}}{{- end -}}
{{- $config := dict "version" 1 "profile" .Values.profile "data_dir" "/var/lib/gatehouse" "databases" (include "gatehouse.databases" . | fromYaml) "serve" $serve "log" (dict "format" "json") -}}
{{- if or .Values.smtp.fromAddress .Values.smtp.fromName -}}
{{- $smtp := dict -}}
{{- with .Values.smtp.fromAddress -}}{{- $_ := set $smtp "from_address" . -}}{{- end -}}
{{- with .Values.smtp.fromName -}}{{- $_ := set $smtp "from_name" . -}}{{- end -}}
{{- $_ := set $config "courier" (dict "smtp" $smtp) -}}
{{- end -}}
{{- $geoip := dict -}}
{{- if .Values.geoip.existingSecret -}}{{- $_ := set $geoip "source" "maxmind" -}}{{- end -}}
{{- if $production -}}
{{- $_ := set $config "clients" (dict "http" (dict "disallow_private_ip_ranges" true)) -}}
{{- $_ := set $geoip "max_age" "720h" -}}
{{- end -}}
{{- if $geoip -}}{{- $_ := set $config "access" (dict "geoip" $geoip) -}}{{- end -}}
{{- if .Values.backup.enabled -}}
{{- $_ := set $config "backup" (dict "recipients" .Values.backup.recipients "destinations" .Values.backup.destinations "keep" .Values.backup.keep) -}}
{{- end -}}
{{- $given := deepCopy .Values.config -}}
{{- $accepted := concat (get (include "gatehouse.accepted" . | fromYaml) "all" | default list) (dig "harden" "accept" list $given) -}}
{{- $config = mergeOverwrite $config $given -}}
{{- if $accepted -}}{{- $_ := set $config "harden" (dict "accept" $accepted) -}}{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The ConfigMap of the configuration, whose name says what is in it. */}}
{{- define "gatehouse.configName" -}}
{{- printf "%s-%s" (include "gatehouse.fullname" .) (include "gatehouse.config" . | sha256sum | trunc 10) -}}
{{- end -}}

{{/* The ConfigMaps of up to three configurations before this one, newest first, as far as the cluster can be asked: what the Deployment
mounts now, and what it says was mounted before. */}}
{{- define "gatehouse.formerConfigs" -}}
{{- $names := list -}}
{{- with lookup "apps/v1" "Deployment" .Release.Namespace (include "gatehouse.fullname" .) -}}
{{- range .spec.template.spec.volumes -}}
{{- if eq .name "config" -}}{{- $names = append $names (dig "configMap" "name" "" .) -}}{{- end -}}
{{- end -}}
{{- $names = concat $names (get (.metadata.annotations | default dict) "gatehouse.dev/configurations" | splitList ",") -}}
{{- end -}}
{{- $former := list -}}
{{- range without ($names | uniq) (include "gatehouse.configName" .) "" -}}
{{- with lookup "v1" "ConfigMap" $.Release.Namespace . -}}
{{- if and (lt (len $former) 3) (eq (get (.metadata.labels | default dict) "app.kubernetes.io/instance") $.Release.Name) -}}
{{- $former = append $former (dict "name" .metadata.name "immutable" (get . "immutable") "data" (.data | default dict)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $former -}}
{{- end -}}
