// Package enginetest proves engines against the contract of package plugins: a
// conformance suite that goes through the real launch and real gRPC, and a
// swarm on loopback that other packages' tests use as well. The swarm speaks
// BitTorrent by itself (BEP 3, 9, 10, 23) and shares no code with any engine.
package enginetest
