{{/* What production asks for. */}}
{{- define "gatehouse.productionFaults" -}}
{{- $v := .Values -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $production := include "gatehouse.production" . -}}
{{- $f := list -}}
{{- if $production -}}
{{- if not (hasPrefix "https://" $v.url) -}}
{{- $f = append $f "url is required in production: the https address under which people and applications reach the server" -}}
{{- end -}}
{{- if not (or (include "gatehouse.publicTLS" .) $v.tlsTerminatedBy) -}}
{{- $f = append $f "certificate or tlsTerminatedBy is required in production: a certificate for the public listener, or the networks of the ingress controller that ends TLS" -}}
{{- end -}}
{{- range $path, $networks := dict "tlsTerminatedBy" $v.tlsTerminatedBy "admin.tlsTerminatedBy" $v.admin.tlsTerminatedBy -}}
{{- range $networks -}}
{{- if include "gatehouse.wide" . -}}
{{- $f = append $f (printf "%s names everybody, or nearly so (%s): list the ingress controller's own networks" $path .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $check := dict "admin" "admin-exposed" "decisions" "door-plain-http" -}}
{{- if not (include "gatehouse.accepts" (dict "root" $ "check" $check)) -}}
{{- range (get $v.networkPolicy $key).from -}}
{{- if include "gatehouse.widePeer" . -}}
{{- $f = append $f (printf "networkPolicy.%s.from lets everybody in, or nearly so (%s), which production refuses: name pods, namespaces or networks, or accept %s with a reason in config.harden.accept" $key (toJson .) $check) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $mode "memory") (not (include "gatehouse.accepts" (dict "root" . "check" "database-in-memory"))) -}}
{{- $f = append $f "database.mode memory loses everything with its pod, which production refuses: set bundled, postgres, mysql, cockroach, cloudsql or sqlite" -}}
{{- end -}}
{{- if and $v.doors.proxy.enabled (not (hasPrefix "https://" $v.doors.proxy.url)) -}}
{{- $f = append $f "doors.proxy.url is required in production with doors.proxy.enabled: the https address under which applications are reached" -}}
{{- end -}}
{{- if and (dig "log" "leak_sensitive_values" false $v.config) (not (include "gatehouse.accepts" (dict "root" . "check" "log-leaks"))) -}}
{{- $f = append $f "config.log.leak_sensitive_values puts people's data into logs, which production refuses" -}}
{{- end -}}
{{- range $key, $why := dict "courier.template_override_path" "templates-live" "account.override_path" "templates-live" -}}
{{- $at := get ((get $v.config (splitList "." $key | first)) | default dict) (splitList "." $key | last) -}}
{{- if and $at (not (include "gatehouse.accepts" (dict "root" $ "check" $why))) -}}
{{- $f = append $f (printf "config.%s reads templates again while the server runs, which is for trying out (what others call --dev), and which production refuses: put them into an image, or accept %s with a reason in config.harden.accept" $key $why) -}}
{{- end -}}
{{- end -}}
{{- range $t := (get $v.config "tenants") | default list -}}
{{- if and (eq (get $t "id") "default") (not (get $t "hosts")) (not (include "gatehouse.accepts" (dict "root" $ "check" "tenant-default"))) -}}
{{- $f = append $f "config.tenants has the tenant default without hosts, which answers for every name (what others make by --create-default-tenant), and which production refuses: give it hosts, or accept tenant-default with a reason in config.harden.accept" -}}
{{- end -}}
{{- end -}}
{{- if eq (dig "courier" "show_bodies" "" $v.config) "always" -}}
{{- $f = append $f "config.courier.show_bodies: always shows codes to every administrator, which production refuses" -}}
{{- end -}}
{{- if and $v.metrics.serviceMonitor.enabled (not $v.metrics.serviceMonitor.keySecret) -}}
{{- $f = append $f "metrics.serviceMonitor.keySecret is required in production: a Secret with what `gatehouse admin keys create --name prometheus --role viewer --only metrics --expires never` prints" -}}
{{- end -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}
