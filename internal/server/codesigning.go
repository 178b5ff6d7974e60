package server

import "github.com/ebb-faas/ebb/internal/ebb"

// unverified notes code that was taken though nobody whom its configuration
// allows has signed it.
func (n *node) unverified(key ebb.FunctionKey, err error) {
	n.metrics.Unverified(key)
	n.log.Warn("code is not signed as its code signing configuration says", "service", string(key.Service), "function", key.Name, "error", err)
}
