{{/* Names and labels that every template uses. */}}
{{- define "navarch.name" -}}
{{- if contains "navarch" .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-navarch" .Release.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "navarch.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ default (include "navarch.name" .) .Values.serviceAccount.name }}{{- else -}}{{ default "default" .Values.serviceAccount.name }}{{- end -}}
{{- end -}}

{{- define "navarch.selector" -}}
app.kubernetes.io/name: navarch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller-manager
{{- end -}}

{{- define "navarch.labels" -}}
{{ include "navarch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: navarch
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "navarch.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end -}}
{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end }}
{{- end -}}

{{/* Flags that say which API server is the host. */}}
{{- define "navarch.hostFlags" -}}
{{- if .Values.host.kubeconfigSecret }}
- --kubeconfig=/etc/navarch/host/{{ .Values.host.kubeconfigKey }}
{{- with .Values.host.context }}
- --context={{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "navarch.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
