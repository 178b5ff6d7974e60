package ebb

// Concurrency is how many invocations a function may have in flight at once, and
// has for itself.
type Concurrency struct {
	FunctionKey
	Reserved int // 0 = the function is stopped
}
