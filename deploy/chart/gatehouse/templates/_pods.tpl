{{/* What pods have in common. */}}

{{/* (dict "root" $ "component" "server"): the beginning of a pod's spec. */}}
{{- define "gatehouse.podCommon" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "component" "server"): over which places pods are spread. Where one is short of nodes they run all the same. */}}
{{- define "gatehouse.spread" -}}
{{- if not (kindIs "invalid" .root.Values.topologySpreadConstraints) -}}
{{- with .root.Values.topologySpreadConstraints -}}
topologySpreadConstraints: {{ toJson . }}
{{- end -}}
{{- else if include "gatehouse.production" .root -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "gatehouse.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* The image and what a container of ours may. */}}
{{- define "gatehouse.containerCommon" -}}
image: {{ include "gatehouse.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* (dict "root" $ "given" .Values.resources "cpu" LIST "memory" LIST): request and limit of each; production's are twice development's. */}}
{{- define "gatehouse.resources" -}}
{{- if .given -}}
{{- toYaml .given -}}
{{- else -}}
{{- $times := ternary 2 1 (eq .root.Values.profile "production") -}}
requests: {cpu: {{ mul (index .cpu 0) $times }}m, memory: {{ mul (index .memory 0) $times }}Mi, ephemeral-storage: 16Mi}
limits: {cpu: {{ mul (index .cpu 1) $times }}m, memory: {{ mul (index .memory 1) $times }}Mi, ephemeral-storage: {{ .disk | default "256Mi" }}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.serverResources" -}}
{{- include "gatehouse.resources" (dict "root" . "given" .Values.resources "cpu" (list 100 1000) "memory" (list 96 384) "disk" (ternary "768Mi" "256Mi" (ne (include "gatehouse.geoip" .) ""))) -}}
{{- end -}}

{{- define "gatehouse.jobResources" -}}
{{- include "gatehouse.resources" (dict "root" . "given" .Values.jobResources "cpu" (list 25 500) "memory" (list 48 192)) -}}
{{- end -}}

{{/* Nine tenths of the server's memory limit, for Go's collector; nothing where the limit is written in a way not known here. */}}
{{- define "gatehouse.memoryLimit" -}}
{{- $limit := dig "limits" "memory" "" (include "gatehouse.serverResources" . | fromYaml) | toString -}}
{{- if regexMatch "^[0-9]+Mi$" $limit -}}{{- div (mul (trimSuffix "Mi" $limit | int) 9) 10 -}}MiB
{{- else if regexMatch "^[0-9]+Gi$" $limit -}}{{- div (mul (trimSuffix "Gi" $limit | int) 1024 9) 10 -}}MiB
{{- end -}}
{{- end -}}

{{/* The files with which a pod reaches the databases. */}}
{{- define "gatehouse.databaseVolumes" -}}
{{- $db := .Values.database -}}
{{- if not (include "gatehouse.embedded" .) }}
- name: database
  secret:
    secretName: {{ include "gatehouse.databaseSecret" . | quote }}
    items: [{key: {{ ternary "password" $db.passwordKey (eq (include "gatehouse.mode" .) "bundled") | quote }}, path: password}]
{{- range $name, $u := $db.users }}
- name: database-{{ $name }}
  secret:
    secretName: {{ $u.existingSecret | quote }}
    items: [{key: {{ $u.passwordKey | default "password" | quote }}, path: password}]
{{- end }}
{{- if eq (include "gatehouse.mode" .) "bundled" }}
- name: database-ca
  secret:
    secretName: {{ include "gatehouse.databaseSecret" . | quote }}
    items: [{key: ca.crt, path: ca.crt}]
{{- else if and $db.tls.caSecret (include "gatehouse.external" .) }}
- name: database-ca
  secret:
    secretName: {{ $db.tls.caSecret | quote }}
    items: [{key: {{ $db.tls.caKey | quote }}, path: ca.crt}]
{{- end }}
{{- if and $db.tls.clientSecret (include "gatehouse.external" .) }}
- name: database-client
  secret: {secretName: {{ $db.tls.clientSecret | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end -}}

{{- define "gatehouse.databaseMounts" -}}
{{- range include "gatehouse.databaseVolumes" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /run/secrets/{{ .name }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* Variables of the user's that say where the databases are. */}}
{{- define "gatehouse.databaseEnv" -}}
{{- range .Values.extraEnv }}
{{- if hasPrefix "GATEHOUSE_DATABASES_" .name }}
- {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Waits until a server can start: the databases may be prepared beside it, with the release or with manifests that are applied at once. On
empty ones it does not start while another server of this release answers, for that one has its data elsewhere; this needs nobody who can
look into the cluster. */}}
{{- define "gatehouse.awaitDatabases" -}}
{{- if not (include "gatehouse.embedded" .) -}}
initContainers:
  - name: await-databases
    {{- include "gatehouse.containerCommon" . | nindent 4 }}
    args: {{ concat (list "migrate" "status" "-c" "/etc/gatehouse/gatehouse.yaml" "--wait" "1h") (ternary list (list "--allow-pending") .Values.database.migrationJob)
      (ternary list (list "--served-at" (printf "%s:4445" (include "gatehouse.adminHost" .))) (ne .Values.database.acknowledge "")) | toJson }}
    {{- with include "gatehouse.databaseEnv" . }}
    env:
      {{- . | trim | nindent 6 }}
    {{- end }}
    resources:
      {{- include "gatehouse.jobResources" . | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/gatehouse, readOnly: true}
      {{- include "gatehouse.databaseMounts" . | trim | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* The server's secrets, as every program that opens what is sealed needs them. */}}
{{- define "gatehouse.secretEnv" -}}
{{- if or .Values.secretConfig.name (include "gatehouse.secretsGiven" .) (include "gatehouse.secretsMade" .) }}
- {name: GATEHOUSE_SECRETS_SYSTEM_FILE, value: /run/secrets/gatehouse/system}
- {name: GATEHOUSE_SECRETS_COOKIE_FILE, value: /run/secrets/gatehouse/cookie}
{{- end }}
{{- end -}}

{{/* The volumes of the programs that open what is sealed. */}}
{{- define "gatehouse.secretVolumes" -}}
- name: secrets
  secret:
    secretName: {{ include "gatehouse.secrets" . | quote }}
    items: [{key: system, path: system}, {key: cookie, path: cookie}]
{{- end -}}

{{/* (dict "root" $ "client" NAME): what the controller and `helm test` show the admin listener, and its authority. */}}
{{- define "gatehouse.callerVolumes" -}}
{{- if include "gatehouse.adminClients" .root -}}
- name: admin-client
  secret:
    secretName: {{ include "gatehouse.adminClientsSecret" .root }}
    items: [{key: {{ .client }}.crt, path: tls.crt}, {key: {{ .client }}.key, path: tls.key}]
{{ include "gatehouse.adminAuthority" .root }}
{{- else -}}
{{- include "gatehouse.adminVolumes" .root -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.callerMounts" -}}
{{- range include "gatehouse.callerVolumes" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /run/secrets/{{ .name }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* The arguments that say so. */}}
{{- define "gatehouse.callerArgs" -}}
{{- if include "gatehouse.adminClients" . }}
- --client-cert=/run/secrets/admin-client/tls.crt
- --client-key=/run/secrets/admin-client/tls.key
{{- else }}
- --admin-key-file=/run/secrets/admin-key/key
{{- end }}
{{- end -}}

{{/* The key of the admin API and the authority of its listener, for other callers. */}}
{{- define "gatehouse.adminVolumes" -}}
{{- with include "gatehouse.adminKeySecret" . }}
- name: admin-key
  secret:
    secretName: {{ . | quote }}
    items: [{key: {{ include "gatehouse.adminKeyName" $ | quote }}, path: key}]
{{- end }}
{{ include "gatehouse.adminAuthority" . }}
{{- end -}}

{{- define "gatehouse.adminAuthority" -}}
{{- with include "gatehouse.adminCA" . }}
- name: admin-ca
  secret:
    secretName: {{ . | quote }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end -}}

{{/* (dict "weight" -20 "more" ",pre-rollback"), or with "on" in the place of "more": the annotations of a hook. Helm prints the log of one that
failed. */}}
{{- define "gatehouse.hook" -}}
helm.sh/hook: {{ .on | default (printf "pre-install,pre-upgrade%s" (.more | default "")) }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-failed
{{- end -}}
