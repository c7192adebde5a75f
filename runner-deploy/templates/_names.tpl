{{- define "gpu-ci.jobsNamespace" -}}
{{- $name := .Values.jobs.namespace | default (printf "%s-jobs" .Release.Namespace) -}}
{{- if eq $name .Release.Namespace -}}
{{- fail "jobs.namespace must not be the release's namespace: a job could read the forge's token there" -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- /* Names of objects that stand outside of the release's namespace. */ -}}
{{- define "gpu-ci.clusterName" -}}
{{ printf "gpu-ci-%s" .Release.Namespace }}
{{- end }}

{{- define "gpu-ci.labels" -}}
app.kubernetes.io/part-of: gpu-ci
app.kubernetes.io/managed-by: gpu-ci
app.kubernetes.io/version: {{ .Chart.Version | quote }}
gpu-ci/release: {{ .Release.Name | quote }}
{{- end }}

{{- /* Labels of a pod: called with (list component context). */ -}}
{{- define "gpu-ci.podLabels" -}}
app.kubernetes.io/part-of: gpu-ci
app.kubernetes.io/managed-by: gpu-ci
app.kubernetes.io/component: {{ index . 0 }}
{{- end }}

{{- define "gpu-ci.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "gpu-ci.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "gpu-ci.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* An egress rule to networks: called with {cidrs, ports}. */ -}}
{{- define "gpu-ci.egress" -}}
{{- $ports := .ports -}}
{{- with .cidrs }}
- to:
    {{- range . }}
    {{- if hasPrefix "169." . }}{{ fail (printf "network: %s would hold link-local addresses" .) }}{{ end }}
    - ipBlock:
        cidr: {{ . }}
        {{- if eq . "0.0.0.0/0" }}
        except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
        {{- end }}
    {{- end }}
  ports:
    {{- range $ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- define "gpu-ci.egressDns" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Values.network.dns.namespace }}}}
      podSelector: {matchLabels: {{ toJson .Values.network.dns.podLabels }}}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end }}

{{- define "gpu-ci.egressRegistry" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Values.network.registry.namespace }}}}
  ports:
    {{- range .Values.network.registry.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{ include "gpu-ci.egress" .Values.network.registry }}
{{- end }}
