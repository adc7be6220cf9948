// Package identity says who is asking: local users with passwords, service tokens of theirs, and users of an OIDC
// provider, all made into a query.Principal whose scope follows from role and organisation.
//
// Local users live in one JSON file (mode 0600, replaced atomically, changed under a file lock), so that `onegrid user`
// works beside a running daemon: the daemon reads the file again when it changed. Passwords are kept as argon2id hashes
// (RFC 9106) and as SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677) for the PostgreSQL door; a token is 256 random bits, kept
// as SHA-256. Nothing in the file is a secret that opens a door by itself.
//
// Every failure looks the same to the one who tries, costs the same work whether or not the user exists, is counted per
// user and per address, and is recorded in the audit log; if it cannot be recorded, nobody gets in.
//
// It does not authorise statements (query/gate), has no sessions of doors other than HTTP, and knows nothing of a user
// but name, role and organisation.
package identity
