// Package hooks holds what must be true whenever a record changes, whoever
// changes it: the API, the dispatcher, the dashboard or a script.
package hooks

import (
	"github.com/pocketbase/dbx"
	_ "modernc.org/sqlite" // the driver that Connect names
)

// Connect opens a SQLite database as Longshore needs it: durable at every commit
// (synchronous=FULL), and with transactions that take the write lock at once, so that
// a second process on the folder cannot break a load-check-save
// (https://www.sqlite.org/lang_transaction.html). A writer waits up to 30 s for one of another
// process: SQLite does not serve those who wait in turn.
func Connect(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", path+"?_txlock=immediate"+
		"&_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)"+
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)&_defensive=1")
}

// ConnectReadOnly opens the same database for reading only: a statement that writes fails.
func ConnectReadOnly(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", "file:"+path+"?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(30000)&_defensive=1")
}
