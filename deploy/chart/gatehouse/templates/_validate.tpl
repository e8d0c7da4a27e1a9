{{/* All that is wrong with the values, in one message. What a value must look like by itself is in values.schema.json. */}}
{{- define "gatehouse.validate" -}}
{{- $v := .Values -}}
{{- $db := $v.database -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $production := include "gatehouse.production" . -}}
{{- $embedded := include "gatehouse.embedded" . -}}
{{- $f := list -}}

{{- /* One database, and nothing of another. */ -}}
{{- $own := list "postgres" "mysql" "cockroach" -}}
{{- if and $db.host (not (has $mode $own)) -}}
{{- $f = append $f (printf "database.host and database.mode %s exclude each other: set database.mode to postgres, mysql or cockroach, or take database.host out" $mode) -}}
{{- end -}}
{{- if and $db.cloudsql.instanceName (ne $mode "cloudsql") -}}
{{- $f = append $f (printf "database.cloudsql.instanceName and database.mode %s exclude each other: set database.mode to cloudsql, or take database.cloudsql out" $mode) -}}
{{- end -}}
{{- if and $db.existingSecret (or $embedded (eq $mode "bundled")) -}}
{{- $f = append $f (printf "database.existingSecret and database.mode %s exclude each other: %s" $mode (ternary "the bundled database's passwords are in database.bundled.existingSecret, or made" "it has no password" (eq $mode "bundled"))) -}}
{{- end -}}
{{- if and $db.bundled.existingSecret (ne $mode "bundled") -}}
{{- $f = append $f (printf "database.bundled.existingSecret and database.mode %s exclude each other: take one of them out" $mode) -}}
{{- end -}}
{{- if and (has $mode $own) (not $db.host) -}}
{{- $f = append $f (printf "database.host is required with database.mode %s: the server's name or address" $mode) -}}
{{- end -}}
{{- if and (has $mode (append $own "cloudsql")) (not $db.existingSecret) (not $db.tls.clientSecret) -}}
{{- $f = append $f (printf "database.existingSecret is required with database.mode %s: a Secret in namespace %s with the password of %s in the key database.passwordKey (%s)" $mode .Release.Namespace $db.user $db.passwordKey) -}}
{{- end -}}
{{- if and (contains ":" $db.host) (not (contains "[" $db.host)) (regexMatch ":[0-9]+$" $db.host) -}}
{{- $f = append $f "database.host holds a port: write it into database.port" -}}
{{- end -}}
{{- if contains "://" $db.host -}}
{{- $f = append $f "database.host is a URL: write the name or address alone" -}}
{{- end -}}
{{- if and $db.tls.mode (not (has $mode $own)) -}}
{{- $f = append $f (printf "database.tls.mode has no meaning with database.mode %s: take it out" $mode) -}}
{{- end -}}
{{- if and (has $mode $own) $db.tls.mode -}}
{{- $modes := ternary (list "true" "false" "preferred" "skip-verify") (list "disable" "allow" "prefer" "require" "verify-ca" "verify-full") (eq $mode "mysql") -}}
{{- if not (has $db.tls.mode $modes) -}}
{{- $f = append $f (printf "database.tls.mode is %s: with database.mode %s it is one of %s" $db.tls.mode $mode (join ", " $modes)) -}}
{{- else if and $production (has $db.tls.mode (list "disable" "allow" "prefer" "false" "preferred")) (not (include "gatehouse.accepts" (dict "root" . "check" "database-in-the-clear"))) -}}
{{- $f = append $f (printf "database.tls.mode %s lets passwords and data cross the network in the clear, which production refuses: set verify-full (mysql: true) with database.tls.caSecret, or accept database-in-the-clear with a reason in config.harden.accept" $db.tls.mode) -}}
{{- end -}}
{{- end -}}
{{- range $name, $u := $db.users -}}
{{- if or (not $u.user) (not $u.existingSecret) -}}
{{- $f = append $f (printf "database.users.%s needs user and existingSecret" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $db.users (or $embedded (eq $mode "bundled")) -}}
{{- $f = append $f (printf "database.users has no meaning with database.mode %s: take it out" $mode) -}}
{{- end -}}
{{- if $db.provisioning.enabled -}}
{{- if not (has $mode (append $own "cloudsql")) -}}
{{- $f = append $f (printf "database.provisioning.enabled has no meaning with database.mode %s%s" $mode (ternary ": the bundled database is provisioned always" ": take it out" (eq $mode "bundled"))) -}}
{{- else -}}
{{- range $key := list "user" "existingSecret" -}}
{{- if not (get $db.provisioning $key) -}}
{{- $f = append $f (printf "database.provisioning.%s is required with database.provisioning.enabled" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $db.migrationJob (not $db.autoMigrate) (not $embedded) -}}
{{- $f = append $f "database.autoMigrate: false and database.migrationJob: true contradict each other: set database.migrationJob to false, and run `gatehouse migrate up` before each upgrade" -}}
{{- end -}}
{{- if and $db.copyFrom $embedded -}}
{{- $f = append $f (printf "database.copyFrom has no meaning with database.mode %s: data is copied into a database server" $mode) -}}
{{- end -}}
{{- $f = concat $f (include "gatehouse.switchFaults" . | fromYamlArray) -}}
{{- if and $db.copyFrom (include "gatehouse.external" .) (include "gatehouse.secretsGiven" .) -}}
{{- $f = append $f "database.copyFrom needs secrets that are there before this release: set secretConfig.create to false and secretConfig.name to the Secret of the server that is left" -}}
{{- end -}}

{{- /* Google Cloud SQL. */ -}}
{{- if eq $mode "cloudsql" -}}
{{- range $key := list "instanceName" "project" "region" -}}
{{- if not (get $db.cloudsql $key) -}}
{{- $f = append $f (printf "database.cloudsql.%s is required with database.mode cloudsql" $key) -}}
{{- end -}}
{{- end -}}
{{- if contains ":" $db.cloudsql.instanceName -}}
{{- $parts := splitList ":" $db.cloudsql.instanceName -}}
{{- $f = append $f (printf "database.cloudsql.instanceName is a whole connection name: write its last part, %s, and the others into project and region" (last $parts)) -}}
{{- end -}}
{{- if regexMatch "^[a-z]+-[a-z]+[0-9]+-[a-z]$" $db.cloudsql.region -}}
{{- $f = append $f (printf "database.cloudsql.region %s is a zone: the region is %s" $db.cloudsql.region (regexReplaceAll "-[a-z]$" $db.cloudsql.region "")) -}}
{{- end -}}
{{- if not $db.autoMigrate -}}
{{- $f = append $f "database.autoMigrate has to be true with database.mode cloudsql: nothing else reaches the database before the proxy is there" -}}
{{- end -}}
{{- end -}}

{{- /* Replicas. */ -}}
{{- if $embedded -}}
{{- if and (not (kindIs "invalid" $v.replicaCount)) (gt (int $v.replicaCount) 1) -}}
{{- $f = append $f (printf "replicaCount is %d, but with database.mode %s each pod would have data of its own: set database.mode to a server, or replicaCount to 1" (int $v.replicaCount) $mode) -}}
{{- end -}}
{{- if $v.autoscaling.enabled -}}
{{- $f = append $f (printf "autoscaling.enabled and database.mode %s exclude each other: each pod would have data of its own" $mode) -}}
{{- end -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- $f = append $f "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}

{{- /* Secrets. */ -}}
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

{{- /* Nothing secret in the ConfigMap, and nothing twice. */ -}}
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

{{- /* Certificates. */ -}}
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

{{- /* What production asks for. */ -}}
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

{{- /* What is reached from outside. */ -}}
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

{{- /* No way to the address at which clouds give the machine's credentials away, unless it is written out. */ -}}
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

{{- /* Backups. */ -}}
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

{{- /* The controller. */ -}}
{{- if and $v.controller.enabled $v.admin.tlsTerminatedBy -}}
{{- $f = append $f "controller.enabled and admin.tlsTerminatedBy exclude each other: the controller sends its key to the admin listener itself, and with TLS alone; take admin.tlsTerminatedBy out" -}}
{{- end -}}
{{- if and $v.controller.enabled (not (or (include "gatehouse.adminClients" .) (include "gatehouse.adminKeySecret" .))) -}}
{{- $f = append $f "controller.enabled needs a key of the admin API beside certificates of clients that are yours: set admin.key.existingSecret, or leave admin.key.generate empty" -}}
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

{{- /* What a Job waits for before there is a release, without a word of it. */ -}}
{{- $f = concat $f (include "gatehouse.missingSecrets" (dict "root" . "first" true) | splitList "\n" | compact) -}}

{{- if $f -}}
{{- fail (printf "\n\nThese values cannot be installed (profile %s, database.mode %s):\n  - %s\n" $v.profile $mode (join "\n  - " $f)) -}}
{{- end -}}
{{- end -}}

{{/* "true" where config.harden.accept has a check. (dict "root" $ "check" ID) */}}
{{- define "gatehouse.accepts" -}}
{{- range dig "harden" "accept" list .root.Values.config -}}
{{- if and (eq .check $.check) .reason -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" where a network is everybody, or nearly so. No private network is as wide, nor what one operator has. */}}
{{- define "gatehouse.wide" -}}
{{- if regexMatch (ternary "/[0-6]$" "/[0-7]$" (contains ":" (toString .))) (toString .) -}}true{{- end -}}
{{- end -}}

{{/* "true" where a peer of a NetworkPolicy is, or every pod of the cluster. */}}
{{- define "gatehouse.widePeer" -}}
{{- if hasKey . "ipBlock" -}}{{- include "gatehouse.wide" .ipBlock.cidr -}}
{{- else if and (not .podSelector) (hasKey . "namespaceSelector") (not .namespaceSelector) -}}true{{- end -}}
{{- end -}}
