package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/server"
)

// restored is the result of 'ebb restore'.
type restored struct {
	File string `json:"file"`
	Dir  string `json:"dir"`
}

// restoreVerb brings a saved platform back.
func (a *app) restoreVerb() *cobra.Command {
	var database string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a backup back into an empty data directory",
		Long: "Restore unpacks an archive of 'ebb backup' into a data directory that is empty or does not\n" +
			"exist. No server may run on it. With --database the rows go into a PostgreSQL database, which\n" +
			"must be a new one, whichever database the backup was made of.",
		Example: "  ebb restore ebb-20261122-080000.tar.zst --data /var/lib/ebb\n" +
			"  ssh vault 'cat ebb.tar.zst' | ebb restore - --data /var/lib/ebb",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg := server.DefaultConfig()
			if a.dir != "" {
				cfg.Data = a.dir
			}
			if database != "" {
				if err := cfg.UseDatabase(database); err != nil {
					return err
				}
			}
			return a.restore(cmd.Context(), given[0], cfg)
		},
	}
	cmd.Flags().StringVar(&database, "database", "", "PostgreSQL `URL`; the password by EBB_DATABASE_PASSWORD")
	return cmd
}

func (a *app) restore(ctx context.Context, file string, cfg server.Config) error {
	dir := cfg.Data
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return usagef("%s is not empty; name an empty or new directory with --data", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usagef("--data: %w", err)
	}
	var from io.Reader = a.in
	var size int64
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return usagef("%w", err)
		}
		defer func() { _ = f.Close() }()
		if st, err := f.Stat(); err == nil {
			size = st.Size()
		}
		from = f
	}
	show := newProgress(a.errs)
	s := show.step("restore", size)
	err := server.Restore(ctx, cfg, io.TeeReader(from, &watchedWriter{w: io.Discard, written: s.add}))
	s.end()
	show.wait()
	if err != nil {
		return err
	}
	return a.print(restored{File: file, Dir: dir}, nil,
		[][]string{{"restored " + file + " into " + dir + "; start it with: ebb serve --data " + dir}})
}
