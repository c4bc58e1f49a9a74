package filestore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A file is a header, a mark, and frames. The header never changes. Frames are appended, and then the mark says where they end: what is behind it was never
// acknowledged, and counts if it is whole. A file that ends before its mark is damaged. Each frame's sum covers its file and its
// place. Of the header the first 24 bytes, and that its sum is at headerSize-sumSize, stay as they are in all versions.
const (
	magic   = "signalbox store\n"
	version = 1

	sumSize    = 16
	headerSize = 96 // magic, version, 4 unused, id, epoch, key's name, 16 unused, sum
	markAt     = 512
	markSize   = 8 + sumSize // where the frames end, sum
	fromAt     = 256         // header.from, sum; earlier versions neither write nor read it
	framesAt   = 1024

	frameHead = 4 + sumSize // length, sum
	maxFrame  = 16 << 20
)

// damage says what of a file cannot be believed.
type damage string

func (d damage) Error() string { return "filestore: damaged file: " + string(d) }

type header struct {
	id    [16]byte      // of all files that follow from one another by being written anew
	epoch uint64        // of them
	key   [16]byte      // the name of the key, or zero
	from  [sumSize]byte // of the last frame of the file that was written anew as this one; zero: it does not say
}

func (h header) sum(place uint64, data []byte) [sumSize]byte {
	digest := sha256.New()
	digest.Write(h.bind(place))
	digest.Write(data)
	var all [sha256.Size]byte
	return [sumSize]byte(digest.Sum(all[:0]))
}

// bind is what ties data to its file and place.
func (h header) bind(place uint64) []byte {
	b := append(make([]byte, 0, 32), h.id[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.epoch)
	return binary.LittleEndian.AppendUint64(b, place)
}

func (h header) encode() []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = append(b, h.id[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.epoch)
	b = append(b, h.key[:]...)
	b = append(b, make([]byte, 16)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:sumSize]...)
}

func decodeHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return h, damage("it does not begin as one of this package")
	}
	const sumAt = headerSize - sumSize
	if sum := sha256.Sum256(b[:sumAt]); !bytes.Equal(sum[:sumSize], b[sumAt:headerSize]) {
		return h, damage("its header is altered")
	}
	if v := binary.LittleEndian.Uint32(b[16:]); v != version {
		return h, fmt.Errorf("%w (%d, and this one reads %d)", ErrVersion, v, version)
	}
	h.id, h.epoch, h.key = [16]byte(b[24:]), binary.LittleEndian.Uint64(b[40:]), [16]byte(b[48:])
	return h, nil
}

func (h header) encodeMark(end int64) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, markSize), uint64(end))
	sum := h.sum(math.MaxUint64, b)
	return append(b, sum[:]...)
}

func (h header) decodeMark(b []byte) (end int64, err error) {
	if len(b) < markSize {
		return 0, damage("it is cut off")
	}
	if sum := h.sum(math.MaxUint64, b[:8]); !bytes.Equal(sum[:], b[8:markSize]) {
		return 0, damage("the mark of its end is altered")
	}
	return int64(binary.LittleEndian.Uint64(b)), nil
}

func (h header) encodeFrom() []byte {
	sum := h.sum(math.MaxUint64-1, h.from[:])
	return append(h.from[:], sum[:]...)
}

// decodeFrom reads what is believed if it is whole, and is not needed.
func (h header) decodeFrom(b []byte) (from [sumSize]byte) {
	if len(b) < fromAt+2*sumSize {
		return from
	}
	h.from = [sumSize]byte(b[fromAt:])
	if !bytes.Equal(h.encodeFrom(), b[fromAt:fromAt+2*sumSize]) {
		return from
	}
	return h.from
}

// frame appends a frame that will stand at a place.
func (h header) frame(b []byte, place int64, payload []byte, k key) []byte {
	if k.seal != nil {
		payload = k.seal.Seal(make([]byte, 0, len(payload)+k.seal.Overhead()), nil, payload, h.bind(uint64(place)))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	sum := h.sum(uint64(place), payload)
	return append(append(b, sum[:]...), payload...)
}

// tail is where frames end, and the last of them, which says whose they are: all frames in one place have different sums.
type tail struct {
	end int64
	at  int64 // of the last one
	sum [sumSize]byte
}

// with is the tail when one more frame is put behind it.
func (t tail) with(frame []byte) tail {
	return tail{t.end + int64(len(frame)), t.end, [sumSize]byte(frame[4:])}
}

// frames are read one after the other. Their payload is valid until the next.
type frames struct {
	from io.Reader
	head header
	tail       // of what was read
	left int64 // bytes that there are
	room []byte
}

var errFrame = damage("a part of it is altered or missing")

func (r *frames) next() (payload []byte, err error) {
	var head [frameHead]byte
	if r.left < frameHead {
		return nil, errFrame
	}
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return nil, readError(err)
	}
	size := int64(binary.LittleEndian.Uint32(head[:]))
	if size == 0 || size > maxFrame || size > r.left-frameHead {
		return nil, errFrame
	}
	if int64(cap(r.room)) < size {
		r.room = make([]byte, size)
	}
	payload = r.room[:size]
	if _, err := io.ReadFull(r.from, payload); err != nil {
		return nil, readError(err)
	}
	if sum := r.head.sum(uint64(r.end), payload); !bytes.Equal(sum[:], head[4:]) {
		return nil, errFrame
	}
	r.tail, r.left = tail{r.end + frameHead + size, r.end, [sumSize]byte(head[4:])}, r.left-frameHead-size
	return payload, nil
}

// readError tells a file that became shorter from one that cannot be read.
func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errFrame
	}
	return fmt.Errorf("filestore: %w", err)
}

// open decrypts the payload of a frame in place.
func (h header) open(place int64, payload []byte, k key) ([]byte, error) {
	if k.seal == nil {
		return payload, nil
	}
	plain, err := k.seal.Open(payload[:0], nil, payload, h.bind(uint64(place)))
	if err != nil {
		return nil, errFrame
	}
	return plain, nil
}

func deriveKey(secret []byte) (k key, err error) {
	if len(secret) < 16 {
		return key{}, fmt.Errorf("%w (it has %d bytes)", ErrKey, len(secret))
	}
	if k.seal, err = sealer(secret, "signalbox filestore 1"); err != nil {
		return key{}, err
	}
	name, err := hkdf.Key(sha256.New, secret, nil, "signalbox filestore 1 name", len(k.name))
	if err != nil {
		return key{}, fmt.Errorf("filestore: %w", err)
	}
	k.name = [16]byte(name)
	k.old, err = sealer(secret, "signalbox boltstore 1")
	return k, err
}

// sealer puts a random nonce before what it seals, by itself: GODEBUG=fips140=only allows no other.
func sealer(secret []byte, purpose string) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
