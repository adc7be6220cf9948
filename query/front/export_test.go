package front

// Waiting is how many statements of a user wait for their turn.
func Waiting(f *Front, user string) int {
	f.turns.mu.Lock()
	defer f.turns.mu.Unlock()
	if v := f.turns.all[user]; v != nil {
		return v.waiting.Len()
	}
	return 0
}
