{{/* An image's name: by its digest, else by its tag. Given: images, and a key of it. */}}
{{- define "petstream.image" -}}
{{- $images := index . 0 }}
{{- $image := index $images (index . 1) }}
{{- $name := list $images.registry $image.repository | compact | join "/" }}
{{- if $image.digest }}{{ printf "%s@%s" $name $image.digest | quote }}{{ else }}{{ printf "%s:%s" $name $image.tag | quote }}{{ end }}
{{- end }}

{{/* A value as the text of an environment variable. Helm reads whole numbers as floats, and prints large ones as 1e+06. */}}
{{- define "petstream.setting" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . | toString | quote }}{{ else }}{{ toString . | quote }}{{ end }}
{{- end }}

{{/* What a service account gets from the values. Given: values, and its name. */}}
{{- define "petstream.serviceAccount" -}}
{{- $values := index . 0 }}
{{- with index $values.serviceAccounts (index . 1) }}
  annotations: {{- toYaml . | nindent 4 }}
{{- end }}
{{- with $values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - {name: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* The ports of the brokers. */}}
{{- define "petstream.kafkaPorts" -}}
{{- range regexFindAll ":\\d+" .settings.kafka.KAFKA_BOOTSTRAP_SERVERS -1 | uniq }}
        - {port: {{ trimPrefix ":" . }}, protocol: TCP}
{{- end }}
{{- end }}

{{/* The ports of addresses in settings. Given: values, names of the settings, and ports that there are anyway. */}}
{{- define "petstream.ports" -}}
{{- $ports := index . 2 }}
{{- range $group := (index . 0).settings }}
{{- range $name := index $ 1 }}
{{- with index $group $name }}
{{- $url := urlParse . }}
{{- $default := ternary "80" "443" (eq $url.scheme "http") }}
{{- $ports = append $ports (regexFind ":\\d+$" $url.host | trimPrefix ":" | default $default) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $ports | uniq }}
        - {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}

{{/* The ports of the store and the queue: AWS's, and those of others. */}}
{{- define "petstream.storePorts" -}}
{{- include "petstream.ports" (list . (list "S3_ENDPOINT_URL" "SQS_ENDPOINT_URL" "SQS_QUEUE_URL") (list "443")) }}
{{- end }}

{{/* The ports of the collector of traces; nothing if there is none. */}}
{{- define "petstream.telemetryPorts" -}}
{{- include "petstream.ports" (list . (list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") list) }}
{{- end }}
