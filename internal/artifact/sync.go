package artifact

import (
	"errors"
	"io/fs"

	"golang.org/x/sync/errgroup"
)

// fewFiles is up to how many files syncing each is cheaper than syncing all.
const fewFiles = 256

// sync brings the trees at paths, which hold so many files, to disk.
func (s *Store) sync(files int, paths []string) error {
	if files > fewFiles {
		if done, err := syncAll(s.root); done || err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(syncers)
	for _, path := range paths {
		err := fs.WalkDir(s.root.FS(), path, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() && !d.Type().IsRegular() {
				return err
			}
			g.Go(func() error {
				f, err := s.root.Open(name)
				if err != nil {
					return err
				}
				return errors.Join(f.Sync(), f.Close())
			})
			return nil
		})
		if err != nil {
			return errors.Join(err, g.Wait())
		}
	}
	return g.Wait()
}
