module github.com/anacrolix/go-utp

go 1.24

require github.com/anacrolix/utp v0.1.0
