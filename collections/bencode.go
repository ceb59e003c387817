package collections

import (
	"bytes"
	"strconv"
)

// bencode is one bencoded value (BEP 3) as the bytes it was written in. Its methods
// may be used once checkBencode has accepted those bytes or the value they lie in.
type bencode []byte

// scanner walks over bencoded bytes without building anything, so that its memory
// does not depend on what they claim.
type scanner struct {
	b      []byte
	pos    int
	tokens int
	sorted bool
	stack  []container
}

// container is a list or dictionary that the scanner is inside of.
type container struct {
	dict  bool
	value bool   // a dictionary's key was read, its value comes next
	last  []byte // the latest key
	keyed bool   // last is set
}

// checkBencode accepts b when it is exactly one value within MaxBencodeDepth and
// MaxBencodeTokens, whose integers fit 64 bits. With sorted, keys must ascend in every
// dictionary, as BEP 3 asks for; without, only the same key twice in a row is refused.
func checkBencode(b []byte, sorted bool) error {
	s := scanner{b: b, sorted: sorted, stack: make([]container, 0, MaxBencodeDepth)}
	for {
		if err := s.token(); err != nil {
			return err
		}
		if len(s.stack) == 0 {
			break
		}
	}
	if s.pos != len(b) {
		return s.refuse("%d bytes follow its end", len(b)-s.pos)
	}
	return nil
}

func (s *scanner) refuse(format string, args ...any) error {
	return Errorf(CodeInvalidTorrent, "This is not a torrent: "+format+".", args...)
}

// token takes one token and notes what it means for the container around it.
func (s *scanner) token() error {
	if s.tokens++; s.tokens > MaxBencodeTokens {
		return Errorf(CodeTooLarge, "The torrent has more than %d parts.", MaxBencodeTokens)
	}
	if s.pos >= len(s.b) {
		return s.refuse("it ends too early")
	}
	c := s.b[s.pos]
	if c == 'e' {
		return s.closeContainer()
	}
	if top := s.top(); top != nil && top.dict {
		if !top.value {
			return s.key(top)
		}
		top.value = false
	}
	switch c {
	case 'd', 'l':
		return s.openContainer(c == 'd')
	case 'i':
		return s.integer()
	}
	_, err := s.str()
	return err
}

func (s *scanner) top() *container {
	if len(s.stack) == 0 {
		return nil
	}
	return &s.stack[len(s.stack)-1]
}

func (s *scanner) openContainer(dict bool) error {
	if len(s.stack) == MaxBencodeDepth {
		return s.refuse("it is nested deeper than %d levels", MaxBencodeDepth)
	}
	s.stack = append(s.stack, container{dict: dict})
	s.pos++
	return nil
}

func (s *scanner) closeContainer() error {
	top := s.top()
	if top == nil {
		return s.refuse("byte %d closes nothing", s.pos)
	}
	if top.value {
		return s.refuse("the value of key %.40q is missing", top.last)
	}
	s.stack = s.stack[:len(s.stack)-1]
	s.pos++
	return nil
}

func (s *scanner) key(top *container) error {
	key, err := s.str()
	if err != nil {
		return err
	}
	if top.keyed {
		switch order := bytes.Compare(key, top.last); {
		case order == 0:
			return s.refuse("key %.40q is there twice", key)
		case order < 0 && s.sorted:
			return s.refuse("key %.40q is out of order", key)
		}
	}
	top.last, top.keyed, top.value = key, true, true
	return nil
}

func (s *scanner) str() ([]byte, error) {
	colon := bytes.IndexByte(s.b[s.pos:min(len(s.b), s.pos+20)], ':')
	if colon < 1 {
		return nil, s.refuse("byte %d begins no value", s.pos)
	}
	digits := s.b[s.pos : s.pos+colon]
	n, ok := parseDecimal(digits)
	rest := s.b[s.pos+colon+1:]
	if !ok || digits[0] == '-' || n > int64(len(rest)) {
		return nil, s.refuse("the string at byte %d has an impossible length", s.pos)
	}
	s.pos += colon + 1 + int(n)
	return rest[:n:n], nil
}

func (s *scanner) integer() error {
	end := bytes.IndexByte(s.b[s.pos:min(len(s.b), s.pos+22)], 'e')
	if end < 0 {
		return s.refuse("the number at byte %d has no end or does not fit 64 bits", s.pos)
	}
	if _, ok := parseDecimal(s.b[s.pos+1 : s.pos+end]); !ok {
		return s.refuse("the number at byte %d is malformed or does not fit 64 bits", s.pos)
	}
	s.pos += end + 1
	return nil
}

// parseDecimal reads a number in the one spelling that BEP 3 allows.
func parseDecimal(digits []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	var canonical [20]byte
	return n, err == nil && bytes.Equal(strconv.AppendInt(canonical[:0], n, 10), digits)
}
