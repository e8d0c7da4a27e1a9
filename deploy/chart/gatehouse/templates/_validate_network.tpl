{{/* Certificates. */}}
{{- define "gatehouse.certificateFaults" -}}
{{- $v := .Values -}}
{{- $f := list -}}
{{- range $path, $of := dict "certificate" $v.certificate "admin.certificate" $v.admin.certificate -}}
{{- if ne (empty $of.cert) (empty $of.key) -}}
{{- $f = append $f (printf "%s.cert and %s.key go together" $path $path) -}}
{{- end -}}
{{- $ways := 0 -}}
{{- range list $of.cert $of.existingSecret $of.certManager.enabled -}}{{- if . -}}{{- $ways = add1 $ways -}}{{- end -}}{{- end -}}
{{- if gt (int $ways) 1 -}}
{{- $f = append $f (printf "%s comes from one place: cert and key, existingSecret or certManager" $path) -}}
{{- end -}}
{{- if and $of.certManager.enabled (not (get $of.certManager.issuerRef "name")) -}}
{{- $f = append $f (printf "%s.certManager.issuerRef.name is required with %s.certManager.enabled" $path $path) -}}
{{- end -}}
{{- end -}}
{{- if and $v.certificate.certManager.enabled (not $v.url) -}}
{{- $f = append $f "url is required with certificate.certManager.enabled: the certificate is for its host" -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* What is reached from outside. */}}
{{- define "gatehouse.outsideFaults" -}}
{{- $v := .Values -}}
{{- $production := include "gatehouse.production" . -}}
{{- $f := list -}}
{{- if and $v.ingress.enabled $production (not $v.url) -}}
{{- $f = append $f "url is required with ingress.enabled: its host is the Ingress's" -}}
{{- end -}}
{{- if or $v.ingress.enabled $v.gateway.enabled -}}
{{- range $path, $url := dict "url" $v.url "doors.proxy.url" $v.doors.proxy.url -}}
{{- if regexMatch "^https?://([0-9.]+|\\[.*)(:|/|$)" $url -}}
{{- $f = append $f (printf "%s has an address for a host (%s), for which there is neither an Ingress nor a route: give it a name" $path $url) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.gateway.enabled (or (not $v.url) (not $v.gateway.parentRefs)) -}}
{{- $f = append $f "url and gateway.parentRefs are required with gateway.enabled" -}}
{{- end -}}
{{- if and $v.ingress.admin.host (ne $v.ingress.admin.acknowledge "strangers may try keys") -}}
{{- $f = append $f "ingress.admin.host brings the admin listener to everybody who reaches the Ingress: use `kubectl port-forward`, or set ingress.admin.acknowledge to \"strangers may try keys\"" -}}
{{- end -}}
{{- if and $v.ingress.admin.host (eq $v.ingress.admin.host (include "gatehouse.host" .)) -}}
{{- $f = append $f "ingress.admin.host is the public host: give the admin listener a name of its own" -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* No way to the address at which clouds give the machine's credentials away, unless it is written out. */}}
{{- define "gatehouse.metadataFaults" -}}
{{- $v := .Values -}}
{{- $f := list -}}
{{- $np := $v.networkPolicy -}}
{{- $ways := dict "database.to" $np.database.to "upstreams.to" $np.upstreams.to "services.to" $np.services.to "apiServer.to" $np.apiServer.to "dns.to" $np.dns.to -}}
{{- range $i, $rule := $np.extraEgress -}}
{{- $_ := set $ways (printf "extraEgress[%d].to" $i) ($rule.to | default (list (dict "ipBlock" (dict "cidr" "0.0.0.0/0")))) -}}
{{- end -}}
{{- range $path, $peers := $ways -}}
{{- range $peers -}}
{{- $block := get . "ipBlock" | default dict -}}
{{- if and (include "gatehouse.wide" (get $block "cidr")) (not (regexMatch "(^|,)(169[.]254[.](0[.]0/16|169[.]254/32)|f[cd])" (join "," (get $block "except")))) -}}
{{- $f = append $f (printf "networkPolicy.%s leads to the address at which clouds give the machine's credentials away: take it out of %s by except: [%s]" $path $block.cidr (ternary "fd00:ec2::254/128" "169.254.0.0/16" (contains ":" $block.cidr))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}
