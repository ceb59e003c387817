// Package collections is the vocabulary of Longshore: one file per noun, with
// its fields, states, limits and the messages that control plane and agent
// exchange about it. It imports the standard library only.
//
// The words, one per idea, in Go, SQL, routes and pages alike:
//
//	infohash, magnet, metainfo, tracker, webseed, piece, bitfield, peer, seed, swarm
//	job        one user's wish for one torrent; it has a status, and attempts
//	attempt    one handing of a job to an agent; a number that only grows (a fencing token)
//	lease      how long an agent may stay silent before its attempt ends
//	heartbeat  a report that carries no change
//	report     what an agent tells the control plane about its jobs
//	agent      a process that runs jobs; it has slots and scratch space
//	engine     the torrent program an agent drives, a subprocess
//	file       one file of a job; it references an object
//	object     one stored file of one torrent, in the object store
//	upload     the making of an object; it consists of parts
//	part       a range of an object that is PUT to one presigned URL
//	removal    what is still to be taken from the files of a job that was cancelled or deleted
//	plan, quota, usage, blocklist, audit
//	assignment what gives a user a plan for a time
//	key        an API key; it has scopes
//	invite     a one-time code with which somebody may register
//	actor      who makes a change: a user, a key, a superuser, nobody or the system
//	moment     a point where scripts of the operator are asked or told
//	schedule   a job of the control plane's own, done again and again
//	verdict    why a job stands where it stands, in words and a code
package collections
