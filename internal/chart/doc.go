// Package chart turns the values of other charts into those of deploy/chart/gatehouse. It owns what their settings are called here, and
// knows neither files nor what the server's configuration means: its JSON Schema is handed in.
//
//	kind         what is read
//	kyma         overrides of Kyma's OAuth2 server: ConfigMaps and Secrets, or values
//	hydra        values of Ory's chart hydra
//	kratos       values of Ory's chart kratos
//	oathkeeper   values of Ory's chart oathkeeper
//	cloudentity  values of Cloudentity's charts acp and kube-acp-stack
//	openzro      values of openZro's chart
//
// Each kind is a table from settings to what becomes of them. A setting is carried over, or told with the reason why it is not; none is
// dropped silently. A secret becomes a reference to a Secret, and the remarks say how to make that; no value of a setting ever stands in
// them. What may be a secret (headers, keys in addresses, what the schema or its name calls one) stands in the values neither.
package chart
