// Package httpjson is the generic connector for REST services that answer JSON: one endpoint is one stream, described by
// settings alone.
//
// The way of a page: request (request.go, auth*.go) → one call with retries (call.go, over the client of client.go and
// the host's limiter in limiter.go) → whole body, size-limited, read to its clean end (body.go) → UTF-8 (charset.go) →
// strict scan that finds the envelope's values and the bounds of each record (scan.go, envelope.go) → the response rules
// (rules.go) → columns (record.go). read.go walks pages and windows (paging.go, window.go) and keeps the position that
// becomes the checkpoint (position.go); child.go asks for the children of each record.
//
// It is not for XML or SOAP, not for webhooks or streams that never end, and it does not write to the upstream.
package httpjson
