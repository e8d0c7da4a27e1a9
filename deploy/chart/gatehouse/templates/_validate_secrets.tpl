{{/* The secrets with which the server seals. */}}
{{- define "gatehouse.secretFaults" -}}
{{- $v := .Values -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $f := list -}}
{{- if $v.secretConfig.create -}}
{{- range $key := list "system" "cookie" -}}
{{- $secret := get $v.secrets $key -}}
{{- if and $secret (lt (len $secret) 16) -}}
{{- $f = append $f (printf "secrets.%s has fewer than 16 characters: make one with `openssl rand -base64 32`" $key) -}}
{{- end -}}
{{- if and (include "gatehouse.secretsGiven" $) (not $secret) -}}
{{- $f = append $f (printf "secrets.%s is required where the other one is given" $key) -}}
{{- end -}}
{{- end -}}
{{- if and $v.secrets.system (eq $v.secrets.system $v.secrets.cookie) -}}
{{- $f = append $f "secrets.system and secrets.cookie are the same: each needs its own" -}}
{{- end -}}
{{- if not (or (include "gatehouse.secretsGiven" .) (include "gatehouse.secretsMade" .)) -}}
{{- $f = append $f (printf "secrets.system and secrets.cookie are required with database.mode %s, which other installations may use: all need the same. Give them, or put them into a Secret and set secretConfig.create to false and secretConfig.name; or set secretConfig.generate to true where this is the only one" $mode) -}}
{{- end -}}
{{- else -}}
{{- if not $v.secretConfig.name -}}
{{- $f = append $f "secretConfig.name is required where secretConfig.create is false: a Secret with the keys system and cookie" -}}
{{- end -}}
{{- if or $v.secrets.system $v.secrets.cookie -}}
{{- $f = append $f "secrets and secretConfig.create: false exclude each other: the secrets are in secretConfig.name" -}}
{{- end -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* Nothing secret in the ConfigMap, and nothing twice. */}}
{{- define "gatehouse.configurationFaults" -}}
{{- $v := .Values -}}
{{- $production := include "gatehouse.production" . -}}
{{- $f := list -}}
{{- range $key, $value := dict "databases" "database" "profile" "profile" -}}
{{- if get $v.config $key -}}
{{- $f = append $f (printf "config.%s is the chart's: use %s" $key $value) -}}
{{- end -}}
{{- end -}}
{{- $f = concat $f (include "gatehouse.secretsInConfig" $ | splitList "\n" | compact) -}}
{{- range $v.extraArgs -}}
{{- $flag := regexReplaceAll "=.*$" . "" -}}
{{- if has $flag (list "--dev" "--swagger" "--demo" "--create-default-tenant" "--create-default-workspaces") -}}
{{- $f = append $f (printf "extraArgs has %s, for trying out%s: Gatehouse has no such flag, see docs/hardening.md" $flag (ternary ", which production refuses" "" (ne $production ""))) -}}
{{- end -}}
{{- end -}}
{{- range $v.extraEnv -}}
{{- if regexMatch "(_PASSWORD|_SECRET|_SALT|_LICENSE_KEY|_SECRET_ACCESS_KEY|_SESSION_TOKEN|_TRANSIT_TOKEN|_AUTH_CONFIG_VALUE|_DSN|_CONNECTION_URI|^PGPASSWORD|^GATEHOUSE_DATABASES_(MANAGEMENT|OAUTH|ACTIVITY|FLOW)|^GATEHOUSE_SECRETS_(SYSTEM|COOKIE|ADMIN))$" .name -}}
{{- if hasKey . "value" -}}
{{- $f = append $f (printf "extraEnv has %s as text: use a Secret, by valueFrom.secretKeyRef or %s_FILE" .name .name) -}}
{{- end -}}
{{- end -}}
{{- if eq .name "GATEHOUSE_PROFILE" -}}
{{- $f = append $f "extraEnv has GATEHOUSE_PROFILE: use profile" -}}
{{- end -}}
{{- end -}}

{{- range $path, $labels := dict "commonLabels" $v.commonLabels "podLabels" $v.podLabels -}}
{{- range list "name" "instance" "component" "managed-by" -}}
{{- if hasKey $labels (printf "app.kubernetes.io/%s" .) -}}
{{- $f = append $f (printf "%s has app.kubernetes.io/%s, by which Helm and the chart's own selectors find objects: take it out" $path .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $v.extraEnv -}}
{{- if has .name $names -}}{{- $f = append $f (printf "extraEnv has %s twice" .name) -}}{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range $path, $volumes := dict "extraVolumes" $v.extraVolumes "backup.extraVolumes" $v.backup.extraVolumes -}}
{{- $names := list "config" "data" "tmp" "secrets" "admin-key" "admin-ca" "admin-clients" "smtp" "geoip" "tls" "admin-tls" "identity" "scratch" -}}
{{- range $volumes -}}
{{- if or (has .name $names) (regexMatch "^database(-|$)" (toString .name)) -}}
{{- $f = append $f (printf "%s has the name %s twice, or it is one of the chart's: give the volume another" $path .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}
