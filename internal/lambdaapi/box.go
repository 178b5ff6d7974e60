package lambdaapi

import (
	"net/http"

	"golang.org/x/sync/semaphore"
)

// boxBodies is how many request bodies of the largest size ebb holds for one box
// at once. They are ebb's memory, not the box's, and a box may send them as slowly
// as it likes.
const boxBodies = 4

// bounded makes requests of a box wait until there is room for their bodies.
// Whose body has no end waits for the largest; who has none does not wait.
func bounded(largest int64, next http.Handler) http.Handler {
	room := semaphore.NewWeighted(boxBodies * largest)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := r.ContentLength
		if size < 0 || size > largest { // a larger one is refused unread
			size = largest
		}
		if size == 0 { // room would have it wait in line
			next.ServeHTTP(w, r)
			return
		}
		if err := room.Acquire(r.Context(), size); err != nil {
			return // the box is gone
		}
		defer room.Release(size)
		next.ServeHTTP(w, r)
	})
}
