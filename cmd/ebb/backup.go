package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// archive is the result of 'ebb backup'.
type archive struct {
	File string `json:"file"`
	Size int64  `json:"size"` // bytes
}

// backupVerb saves the platform while it works.
func (a *app) backupVerb() *cobra.Command {
	var file string
	var force bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Save everything the running platform knows to one file",
		Long: "Backup writes a consistent archive (a zstd-compressed tar) of the running platform: functions,\n" +
			"versions, packages, credentials. It holds root's credentials: keep it as you keep the data\n" +
			"directory. Secrets are in it in sealed form only, and the master key (master.key) is not: keep\n" +
			"a copy of that apart. Nor are buckets: copy the folder s3 of the data directory with its\n" +
			"extended attributes, after the backup.\n" +
			"Bring it back with: ebb restore.",
		Example: "  ebb backup\n" +
			"  ebb backup --out /backup/ebb.tar.zst --force\n" +
			"  ebb backup --out - | ssh vault 'cat > ebb.tar.zst'",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				file = "ebb-" + time.Now().Format("20060102-150405") + ".tar.zst"
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			return a.backup(cmd.Context(), c, file, force)
		},
	}
	cmd.Flags().StringVar(&file, "out", "", "`FILE` to write, - for standard output (default ebb-DATE-TIME.tar.zst)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it exists")
	_ = cmd.MarkFlagFilename("out")
	return cmd
}

func (a *app) backup(ctx context.Context, c *client.Client, file string, force bool) error {
	if file == "-" {
		if terminal(a.out) {
			return usagef("--out: an archive on a terminal helps nobody; redirect it")
		}
		_, err := a.copyBackup(ctx, c, a.out)
		return err
	}
	if _, err := os.Lstat(file); err == nil && !force {
		return usagef("--out: %s exists already; replace it with --force", file)
	}
	n, err := writeWhole(file, func(w io.Writer) (int64, error) { return a.copyBackup(ctx, c, w) })
	if wrong, ok := errors.AsType[*usageError](err); ok {
		return usagef("--out: %w", wrong)
	}
	if err != nil {
		return err
	}
	if err := a.print(archive{File: file, Size: n}, nil, [][]string{{"wrote " + file + ", " + bytesText(n)}}); err != nil {
		return err
	}
	a.note("secrets are in it sealed; the master key (master.key of the data directory) is not, nor are buckets (its folder s3): keep copies apart")
	return nil
}

// writeWhole writes a file beside and renames it: a file of that name is always
// whole.
func writeWhole(file string, write func(io.Writer) (int64, error)) (int64, error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return 0, usagef("%w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	n, err := write(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return 0, err
	}
	return n, os.Rename(tmp.Name(), file)
}

// copyBackup receives the archive, showing how far it has come.
func (a *app) copyBackup(ctx context.Context, c *client.Client, w io.Writer) (int64, error) {
	show := newProgress(a.errs)
	s := show.step("backup", 0)
	n, err := c.Backup(ctx, &watchedWriter{w: w, written: s.add})
	s.end()
	show.wait()
	return n, err
}
