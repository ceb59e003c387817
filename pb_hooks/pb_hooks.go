// Package pb_hooks holds what the binary carries for scripts. The scripts themselves are examples: copy one into the
// folder pb_hooks of the data folder.
package pb_hooks

import _ "embed"

// TypesFile is the name of the declarations of what Longshore adds to PocketBase's scripts.
const TypesFile = "longshore.d.ts"

// Types are the declarations.
//
//go:embed longshore.d.ts
var Types []byte
