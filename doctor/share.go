package doctor

// filesHaveObjects: who shares an object has it, or waits for the one job that makes it.
func filesHaveObjects(x *examination, found func(Violation)) (string, error) {
	return "", x.queries(found, nil,
		`SELECT files.id, 'is complete, but its object ' || object_id || ' is ' || COALESCE(objects.state, 'gone')
			FROM files LEFT JOIN objects ON objects.id = files.object_id
			WHERE files.is_complete = TRUE AND COALESCE(objects.state, '') != 'stored'`,
		`SELECT files.id, 'is to be stored as object ' || object_id || ', which is ' || COALESCE(objects.state, 'gone')
			FROM files LEFT JOIN objects ON objects.id = files.object_id
			WHERE files.is_complete = FALSE AND files.object_id != '' AND COALESCE(objects.state, 'deleting') = 'deleting'`,
		`SELECT files.id, 'is not complete, but its object ' || object_id || ' is stored' FROM files JOIN objects ON objects.id = files.object_id
			WHERE files.is_complete = FALSE AND objects.state = 'stored'`,
		`SELECT objects.id, 'is made by ' || COUNT(*) || ' jobs' FROM objects JOIN files ON files.object_id = objects.id JOIN jobs ON jobs.id = files.job_id
			WHERE objects.state = 'uploading' AND jobs.status IN ('downloading', 'uploading') GROUP BY objects.id HAVING COUNT(*) > 1`)
}

// contentIsOwned: an object's scope is empty when anybody may have it, else the one user's, by himself or by his job.
func contentIsOwned(x *examination, found func(Violation)) (string, error) {
	return "", x.queries(found, nil,
		`SELECT files.id, 'is of user ' || files.user_id || ' in a job of user ' || jobs.user_id FROM files JOIN jobs ON jobs.id = files.job_id
			WHERE files.user_id != jobs.user_id`,
		`SELECT jobs.id, 'of user ' || jobs.user_id || ' is for a private torrent of ' || torrents.scope FROM jobs JOIN torrents ON torrents.id = jobs.torrent_id
			WHERE torrents.scope != '' AND torrents.scope != jobs.user_id`,
		`SELECT files.id, 'of user ' || files.user_id || ' has object ' || objects.id || ' of another' FROM files JOIN objects ON objects.id = files.object_id
			WHERE objects.scope NOT IN ('', files.user_id, files.job_id)
			AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = objects.scope AND jobs.user_id = files.user_id)`,
		`SELECT objects.id, 'is everybody''s, and of a private torrent' FROM objects JOIN torrents ON torrents.id = objects.torrent_id
			WHERE objects.scope = '' AND torrents.private = TRUE`)
}
