package collections

const (
	minPartSize = 8 << 20
	maxParts    = 9_500
	mib         = 1 << 20
)

// PartSize answers the bytes of every part but the last of an object of size
// bytes: max(8 MiB, size/9,500 rounded up to 1 MiB). S3 allows parts of 5 MiB to
// 5 GiB and 10,000 of them
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
func PartSize(size int64) int64 {
	p := (size + maxParts - 1) / maxParts
	p = (p + mib - 1) / mib * mib
	return max(minPartSize, p)
}

// PartCount answers how many parts an object has; an empty one has none.
func PartCount(size, partSize int64) int {
	return int((size + partSize - 1) / partSize)
}

// PartRange answers the first byte of part number (from 1) and its length.
func PartRange(size, partSize int64, number int) (offset, length int64) {
	offset = int64(number-1) * partSize
	return offset, min(partSize, size-offset)
}
