// Package connectortest is the conformance suite of the contract in package connectors. Every kind of connector runs it
// in its own tests, against a real upstream that the test starts:
//
//	connectortest.Run(t, connectortest.Harness{
//		Kind:      sqltable.Kind(),
//		Open:      func(t *testing.T) connectors.Source { ... },
//		KeyColumn: "id",
//		Keys:      []string{"1", "2", "3"},
//	})
//
// It checks what the hub relies upon: the shape of batches, that every checkpoint resumes without loss, that a source
// stops when it is told to and leaves nothing running, that settings are strict, and that no secret shows in a message.
// Each check has a twin in this package's own tests: a source broken in just that way, which the check must catch.
//
// It does not test what is special to a kind (paging styles, file formats, dialects): those tests live with the kind.
package connectortest
