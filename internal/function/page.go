package function

import (
	"context"

	"github.com/ebb-faas/ebb/internal/store"
)

// MaxPage is how many items a list returns at most.
const MaxPage = 50

// paged reads one page of a list: up to max (at most MaxPage; 0 means that) items
// and, if there are more, the marker of the next page, which name makes of the
// last item. read is asked for one item more than the page has.
func paged[T any](ctx context.Context, s *store.Store, max int, read func(tx *store.Tx, limit int) ([]T, error), name func(last T) string) (list []T, next string, err error) {
	if max <= 0 || max > MaxPage {
		max = MaxPage
	}
	err = s.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = read(tx, max+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) <= max {
		return list, "", nil
	}
	return list[:max], name(list[max-1]), nil
}
