package boltstore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// A record is a version, then what makes it trustworthy, then its body: a checksum, or, with a
// key, a nonce and an encrypted body. Either is bound to the record's place, so that one put in
// another's is noticed.
const (
	versionPlain  = 1
	versionSealed = 2
)

var (
	errVersion = errors.New("it is of another version, or its encryption is another")
	errAltered = errors.New("it is damaged or was altered")
)

func sealer(key []byte) (cipher.AEAD, error) {
	if key == nil {
		return nil, nil
	}
	if len(key) < 16 {
		return nil, fmt.Errorf("boltstore: WithKey: %d bytes can be guessed: use 16 or more, such as 32 random ones", len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "signalbox boltstore 1", 32)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	return cipher.NewGCM(block)
}

func place(bucket, key []byte) []byte { return slices.Concat(bucket, []byte{0}, key) }

func (s *Store) wrap(bucket, key, body []byte) []byte {
	if s.seal == nil {
		sum := sha256.Sum256(slices.Concat(place(bucket, key), []byte{0}, body))
		return slices.Concat([]byte{versionPlain}, sum[:], body)
	}
	nonce := make([]byte, s.seal.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	return s.seal.Seal(append([]byte{versionSealed}, nonce...), nonce, body, place(bucket, key))
}

func (s *Store) unwrap(bucket, key, record []byte) ([]byte, error) {
	version, rest := record[0], record[1:]
	switch {
	case s.seal == nil && version == versionPlain && len(rest) >= sha256.Size:
		body := rest[sha256.Size:]
		sum := sha256.Sum256(slices.Concat(place(bucket, key), []byte{0}, body))
		if !bytes.Equal(sum[:], rest[:sha256.Size]) {
			return nil, errAltered
		}
		return body, nil
	case s.seal != nil && version == versionSealed && len(rest) >= s.seal.NonceSize():
		body, err := s.seal.Open(nil, rest[:s.seal.NonceSize()], rest[s.seal.NonceSize():], place(bucket, key))
		if err != nil {
			return nil, errAltered
		}
		return body, nil
	}
	return nil, errVersion
}
