// Package api is the HTTP surface of the control plane: routes, sessions, roles,
// and the guards in front of PocketBase's own routes. openapi.yaml is its one
// description: requests are checked against it and tests check answers.
package api
