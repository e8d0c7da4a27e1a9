{{/* What pods may reach. 169.254.0.0/16 holds the address at which clouds give credentials of the machine away. */}}

{{- define "gatehouse.anywhere" -}}
- ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
- ipBlock: {cidr: "::/0", except: ["fe80::/10", "fd00:ec2::254/128"]}
{{- end -}}

{{- define "gatehouse.outside" -}}
- ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]}
- ipBlock: {cidr: "::/0", except: ["fc00::/7", "fe80::/10"]}
{{- end -}}

{{- define "gatehouse.egressDNS" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end -}}

{{- define "gatehouse.egressAPI" -}}
- to:
    {{- if .Values.networkPolicy.apiServer.to }}
    {{- toYaml .Values.networkPolicy.apiServer.to | nindent 4 }}
    {{- else }}
    {{- include "gatehouse.anywhere" . | nindent 4 }}
    {{- end }}
  ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
{{- end -}}

{{- define "gatehouse.egressDatabase" -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- if not (include "gatehouse.embedded" .) -}}
- to:
    {{- if eq $mode "bundled" }}
    - podSelector:
        matchLabels:
          {{- include "gatehouse.selector" (dict "root" . "component" "postgresql") | nindent 10 }}
    {{- else if eq $mode "cloudsql" }}
    - podSelector:
        matchLabels:
          {{- include "gatehouse.selector" (dict "root" . "component" "cloudsql") | nindent 10 }}
    {{- else if .Values.networkPolicy.database.to }}
    {{- toYaml .Values.networkPolicy.database.to | nindent 4 }}
    {{- else }}
    {{- include "gatehouse.anywhere" . | nindent 4 }}
    {{- end }}
  ports: [{protocol: TCP, port: {{ ternary "5432" (include "gatehouse.databasePort" .) (eq $mode "bundled") }}}]
{{- end -}}
{{- end -}}

{{- define "gatehouse.egressAdmin" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "gatehouse.selector" (dict "root" . "component" "server") | nindent 10 }}
  ports: [{protocol: TCP, port: 4445}]
{{- end -}}

{{- define "gatehouse.egressOutside" -}}
{{- if .Values.networkPolicy.outside -}}
- to:
    {{- include "gatehouse.outside" . | nindent 4 }}
  ports: [{protocol: TCP, port: 443}]
{{- end -}}
{{- end -}}

{{/* Where `config` says that the server calls a service of yours. (dict "root" $ "addresses" LIST), each host:port or a URL. */}}
{{- define "gatehouse.egressServices" -}}
{{- $ports := list -}}
{{- range .addresses -}}
{{- $authority := regexReplaceAll "^[a-z0-9+]+://([^/?#]*).*$" . "${1}" -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $authority) | default (ternary "443" "80" (hasPrefix "https:" .))) -}}
{{- end -}}
{{- with $ports | uniq -}}
- to:
    {{- if $.root.Values.networkPolicy.services.to }}
    {{- toYaml $.root.Values.networkPolicy.services.to | nindent 4 }}
    {{- else }}
    {{- include "gatehouse.anywhere" $.root | nindent 4 }}
    {{- end }}
  ports:
    {{- range . }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* Redis, the collector of traces and what unwraps secrets. */}}
{{- define "gatehouse.services" -}}
{{- $c := .Values.config -}}
{{- concat (dig "cache" "redis" "addresses" list $c) (list (dig "tracing" "endpoint" "" $c)) (include "gatehouse.transit" . | fromJsonArray) | compact | toJson -}}
{{- end -}}

{{/* What unwraps secrets, for all that read the configuration. */}}
{{- define "gatehouse.transit" -}}
{{- list (dig "secrets" "transit" "address" "" .Values.config) | compact | toJson -}}
{{- end -}}

{{/* (dict "root" $ "components" LIST): pods of this release as peers. */}}
{{- define "gatehouse.fromComponents" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ include "gatehouse.name" .root }}
      app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson .components }}}
{{- end -}}

{{- define "gatehouse.fromNamespace" -}}
- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . | quote }}}}
{{- end -}}
