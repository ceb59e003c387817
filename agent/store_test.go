package agent

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/longshore-project/longshore/collections"
)

// store takes a part as an object store does: exact length, signed headers, MD5 as ETag.
func (cp *controlPlane) store(w http.ResponseWriter, r *http.Request) {
	file, _ := strconv.Atoi(r.PathValue("file"))
	number, _ := strconv.Atoi(r.PathValue("number"))
	ref := collections.PartRef{File: file, Number: number}
	cp.mu.Lock()
	j := cp.jobs[r.PathValue("job")]
	size := j.meta.Files[file].Size
	_, length := collections.PartRange(size, collections.PartSize(size), number)
	refuse := cp.refuse
	cp.mu.Unlock()
	if r.Header.Get("X-Signed") != "yes" || r.ContentLength != length {
		http.Error(w, "the request is not the one that was signed", http.StatusForbidden)
		return
	}
	if refuse != nil {
		if status := refuse(j, ref, r.URL.String()); status != 0 {
			http.Error(w, "refused by the test", status)
			return
		}
	}
	sum := md5.New()
	body, err := io.ReadAll(io.TeeReader(r.Body, sum))
	if err == nil {
		err = os.WriteFile(cp.object(j.id, ref), body, 0o600)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	cp.mu.Lock()
	j.puts[ref]++
	j.bytesPut += int64(len(body))
	cp.mu.Unlock()
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum.Sum(nil))+`"`)
}

func (cp *controlPlane) object(job string, ref collections.PartRef) string {
	return filepath.Join(cp.objects, fmt.Sprintf("%s-%d-%d", job, ref.File, ref.Number))
}

// content is what the payload of a test offers.
type content interface {
	Open(i int) *io.SectionReader
}

// checkStored compares every stored file with the payload's bytes, and every ETag with the bytes.
func (cp *controlPlane) checkStored(j *testJob, payload content) {
	cp.t.Helper()
	j = cp.see(j)
	for _, i := range selectedFiles(j.meta, j.selection) {
		var got bytes.Buffer
		if d, linked := j.done[collections.PartRef{File: i}]; linked {
			b, err := os.ReadFile(j.linked[d.Key])
			if err != nil || d.Size != int64(len(b)) || d.Key == "" {
				cp.t.Fatalf("file %d was linked as %+v: %v", i, d, err)
			}
			got.Write(b)
		} else {
			cp.readParts(&got, j, i)
		}
		want, err := io.ReadAll(payload.Open(i))
		if err != nil {
			cp.t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			cp.t.Errorf("file %d: the store has other bytes than the torrent (%d of %d)", i, got.Len(), len(want))
		}
	}
}

func (cp *controlPlane) readParts(to *bytes.Buffer, j *testJob, file int) {
	cp.t.Helper()
	size := j.meta.Files[file].Size
	for n := 1; n <= collections.PartCount(size, collections.PartSize(size)); n++ {
		ref := collections.PartRef{File: file, Number: n}
		b, err := os.ReadFile(cp.object(j.id, ref))
		if err != nil {
			cp.t.Fatal(err)
		}
		sum := md5.Sum(b)
		if d := j.done[ref]; d.ETag != `"`+hex.EncodeToString(sum[:])+`"` || d.Size != int64(len(b)) {
			cp.t.Errorf("part %v was reported as %+v", ref, d)
		}
		to.Write(b)
	}
}
