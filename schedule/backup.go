package schedule

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const backupPrefix = "longshore_"

// Backup makes a zip of the data folder (PocketBase's backup: databases by VACUUM INTO, metainfo files, the secret),
// where PocketBase's settings say, and removes older ones of its own beyond the number that these settings keep. Objects
// are not in it, and neither is what exclude names below the data folder.
func Backup(ctx context.Context, app core.App, at time.Time) error {
	name := backupPrefix + at.UTC().Format("20060102_150405") + ".zip"
	if err := app.CreateBackup(ctx, name); err != nil {
		return err
	}
	return forgetOldBackups(app)
}

// ExcludeFromBackups keeps folders and files of the data folder out of every backup, the dashboard's too.
func ExcludeFromBackups(app core.App, names ...string) {
	app.OnBackupCreate().BindFunc(func(e *core.BackupEvent) error {
		e.Exclude = append(e.Exclude, names...)
		return e.Next()
	})
}

func forgetOldBackups(app core.App) error {
	keep := app.Settings().Backups.CronMaxKeep
	if keep <= 0 {
		return nil
	}
	fs, err := app.NewBackupsFilesystem()
	if err != nil {
		return err
	}
	defer fs.Close()
	objects, err := fs.List(backupPrefix)
	if err != nil {
		return err
	}
	var names []string
	for _, o := range objects {
		if strings.HasSuffix(o.Key, ".zip") {
			names = append(names, o.Key)
		}
	}
	slices.Sort(names) // the time is in the name
	for _, name := range names[:max(0, len(names)-keep)] {
		if err := fs.Delete(name); err != nil {
			return err
		}
	}
	return nil
}
