{{/* What of `config` is secret. The settings are those of the configuration's own schema, in files/secret-settings.txt. */}}

{{/* (dict "value" V "key" "" "path" "" "shown" ""): each text below, a line of JSON with its path, in which [] stands for any place in a list. */}}
{{- define "gatehouse.leaves" -}}
{{- $at := . -}}
{{- if kindIs "map" .value -}}
{{- range $key, $one := .value -}}
{{- include "gatehouse.leaves" (dict "value" $one "key" $key "path" (printf "%s.%s" $at.path $key) "shown" (printf "%s.%s" $at.shown $key)) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $i, $one := .value -}}
{{- include "gatehouse.leaves" (dict "value" $one "key" $at.key "path" (printf "%s[]" $at.path) "shown" (printf "%s[%d]" $at.shown $i)) -}}
{{- end -}}
{{- else if not (or (kindIs "invalid" .value) (kindIs "bool" .value) (eq (toString .value) "")) -}}
{{- dict "key" .key "path" (trimPrefix "." .path) "shown" .shown "value" (toString .value) | toJson -}}{{- "\n" -}}
{{- end -}}
{{- end -}}

{{/* (dict "leaf" LEAF "kinds" LIST): "true" where the text of a leaf is secret. Of the kinds that the file gives its path, `secret` is a
secret whatever it is called, `named` one by the name of a header or parameter, `free` one by its name in settings that only somebody else knows. */}}
{{- define "gatehouse.isSecret" -}}
{{- $text := .leaf.value -}}
{{- $key := .leaf.key -}}
{{- if or (regexMatch "[a-zA-Z][a-zA-Z0-9+.-]*://[^/\\s:@]*:[^/\\s@]+@" $text) (regexMatch "-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}" $text) -}}true
{{- else if and (contains "://" $text) (not (hasPrefix "base64://" $text)) -}}
{{- else if has "secret" .kinds -}}true
{{- else if has "named" .kinds -}}
{{- if regexMatch "(?i)authorization|cookie|token|secret|password|passwd|key|credential|signature" $key -}}true{{- end -}}
{{- else if and (has "free" .kinds) (not (contains "{{" $text)) -}}
{{- if or (regexMatch "(?i)^authorization$" $key) (hasSuffix ".auth.config.value" .leaf.path)
  (and (regexMatch "(?i)(^|[_.-])(secrets?|password|passwort|passphrase|token|private_?key|api_?key|secret_?key|access_?key|license_?key|salt)($|[_.-])" $key)
    (not (regexMatch "(?i)([_.-](file|path|url|endpoint|name|ttl|lifespan|age|length|strategy|type|from)|access_?key_?id)$" $key))
    (not (regexMatch "^([0-9]{1,9}(ns|us|ms|s|m|h))+$" $text))) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* What to do about each secret that stands in `config`, a line each. */}}
{{- define "gatehouse.secretsInConfig" -}}
{{- $paths := dict "secret" list "named" list "free" list -}}
{{- range .Files.Lines "files/secret-settings.txt" | compact -}}
{{- $kind := splitList " " . | first -}}
{{- $path := splitList " " . | last | regexQuoteMeta | replace "\\[\\]" "(\\[\\])?" | replace "\\*\\*" ".+" | replace "\\*" "[^.]+" -}}
{{- $_ := set $paths $kind (append (get $paths $kind) $path) -}}
{{- end -}}
{{- $found := list -}}
{{- range include "gatehouse.leaves" (dict "value" (omit .Values.config "databases") "key" "" "path" "" "shown" "config") | splitList "\n" | compact -}}
{{- $leaf := fromJson . -}}
{{- $kinds := list -}}
{{- range $kind, $of := $paths -}}{{- if regexMatch (printf "^(%s)$" (join "|" $of)) $leaf.path -}}{{- $kinds = append $kinds $kind -}}{{- end -}}{{- end -}}
{{- if include "gatehouse.isSecret" (dict "leaf" $leaf "kinds" $kinds) -}}
{{- $path := regexReplaceAll "\\[[0-9]+\\]$" $leaf.shown "" -}}
{{- $cure := "mount a configuration file with it from a Secret, by extraVolumes and extraVolumeMounts, and read it with extraArgs: [-c, FILE]" -}}
{{- if and (has "secret" $kinds) (regexMatch "^[a-z_.]+$" $path) -}}
{{- $cure = printf "give GATEHOUSE_%s_FILE or a valueFrom in extraEnv" (trimPrefix "config." $path | replace "." "_" | upper) -}}
{{- end -}}
{{- if hasPrefix "config.secrets." $path -}}{{- $cure = printf "%s, or secretConfig" $cure -}}{{- end -}}
{{- if hasPrefix "config.courier.smtp." $path -}}{{- $cure = printf "%s, or smtp.existingSecret" $cure -}}{{- end -}}
{{- $found = append $found (printf "%s is a secret, and a ConfigMap is none: %s" $path $cure) -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | join "\n" -}}
{{- end -}}
