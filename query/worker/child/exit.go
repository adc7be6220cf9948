package child

// Exit codes of a worker. The parent tells from them what a worker died of.
const (
	ExitDone     = 0  // the parent hung up
	ExitProtocol = 70 // the parent's frames make no sense
	ExitSandbox  = 71 // a limit or restriction could not be made
	ExitOpen     = 72 // the snapshot could not be opened
	ExitLock     = 73 // the engine could not be locked
	ExitSelfTest = 74 // the locked engine did what it must refuse
	ExitGate     = 75 // the gate could not be opened
	ExitMemory   = 76 // over the resident limit
)
