// Package privacy is the gate between mapping and everything that is stored: after Guard.Protect a draft holds no clear
// personal value, and a record for which that cannot be said becomes a reject (invariant 4). It fails closed: on any
// error the draft is released, so that nothing of it can go on.
//
// It redacts free text (phones, identity and bank card numbers, plates, mail and chat accounts, names after a cue,
// house and room numbers), turns party identifiers into keyed tokens that change every 90 days, drops callers'
// positions, and checks its own work with a second detector that shares no code with the first.
//
// It is not for: deciding who may see a record (query), coarsening coordinates (enrich), retention (warehouse), or
// recognising persons. Redaction lowers the risk of free text, it does not make text anonymous (PIPL, article 73): a
// name without a cue beside it is not found. Tokens are still personal data.
package privacy
