// Command conformance checks a folder that certsvc wrote, with the programs of Go's checksum database:
// golang.org/x/mod/sumdb/note for the signed heads and golang.org/x/mod/sumdb/tlog for hashes and proofs.
// It shares no code with certsvc. It prints what it checked and exits 0, or says what is wrong and exits 1.
//
// The folder: checkpoint and old-checkpoint (signed), log.vkey (one line for each key that vouches), witness.vkey, tile/… as c2sp.org/tlog-tiles has it,
// and proofs.json with the inclusion and consistency proofs that certsvc made.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type proofs struct {
	Inclusion []struct {
		Index  int64
		Leaf   []byte // the leaf's content
		Hashes [][]byte
	}
	Consistency [][]byte
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: conformance FOLDER")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func check(folder string) error {
	origin, new, err := openHead(folder, "checkpoint", true)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	oldOrigin, old, err := openHead(folder, "old-checkpoint", false)
	if err != nil {
		return fmt.Errorf("old checkpoint: %w", err)
	}
	if origin != oldOrigin {
		return errors.New("two logs")
	}
	// TileHashReader checks every tile it reads against the tree's root.
	reader := tlog.TileHashReader(new, tiles{folder})
	if err := checkEntries(folder, new, reader); err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	root, err := tlog.TreeHash(old.N, reader)
	if err != nil {
		return fmt.Errorf("old root from tiles: %w", err)
	}
	if root != old.Hash {
		return errors.New("old root differs from the tiles")
	}
	given, err := readProofs(folder)
	if err != nil {
		return err
	}
	if err := checkProofs(given, new, old, reader); err != nil {
		return err
	}
	fmt.Printf("ok: %s, %d leaves, %d inclusion proofs, 1 consistency proof from %d\n",
		origin, new.N, len(given.Inclusion), old.N)
	return nil
}

// openHead opens a checkpoint signed by one of the log's keys and, if asked, cosigned by the witness's.
func openHead(folder, name string, witnessed bool) (string, tlog.Tree, error) {
	logKeys, err := os.ReadFile(filepath.Join(folder, "log.vkey"))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	var known []note.Verifier
	for _, key := range strings.Fields(string(logKeys)) {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return "", tlog.Tree{}, err
		}
		known = append(known, verifier)
	}
	due := 1
	if witnessed {
		due = 2
		witnessKey, err := os.ReadFile(filepath.Join(folder, "witness.vkey"))
		if err != nil {
			return "", tlog.Tree{}, err
		}
		witness, err := newCosigner(strings.TrimSpace(string(witnessKey)))
		if err != nil {
			return "", tlog.Tree{}, err
		}
		known = append(known, witness)
	}
	signed, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	if len(opened.Sigs) != due || len(opened.UnverifiedSigs) != 0 {
		return "", tlog.Tree{}, fmt.Errorf("%d of %d signatures hold", len(opened.Sigs), due)
	}
	return parseHead(opened.Text)
}

// parseHead reads a checkpoint. tlog.ParseTree reads the same three lines, but only for the Go database's own origin.
func parseHead(text string) (string, tlog.Tree, error) {
	origin, rest, ok := strings.Cut(text, "\n")
	if !ok || origin == "" {
		return "", tlog.Tree{}, errors.New("no origin")
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	return origin, tree, err
}

// checkEntries hashes every entry of every bundle and holds it against its leaf hash, which the reader has checked.
func checkEntries(folder string, tree tlog.Tree, reader tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 1 << tileHeight {
		width := min(tree.N-first, 1<<tileHeight)
		path := tilePath(tlog.Tile{H: tileHeight, L: -1, N: first >> tileHeight, W: int(width)})
		bundle, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		for index := first; index < first+width; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("%s is cut", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return err
			}
			if tlog.RecordHash(bundle[2:end]) != stored[0] {
				return fmt.Errorf("entry %d is not the leaf", index)
			}
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("%s has bytes to spare", path)
		}
	}
	return nil
}

func readProofs(folder string) (proofs, error) {
	var given proofs
	text, err := os.ReadFile(filepath.Join(folder, "proofs.json"))
	if err != nil {
		return given, err
	}
	return given, json.Unmarshal(text, &given)
}

// checkProofs verifies the proofs given, and that Go makes the very same ones from the tiles.
func checkProofs(given proofs, new, old tlog.Tree, reader tlog.HashReader) error {
	for _, p := range given.Inclusion {
		hashes, err := toHashes(p.Hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(hashes, new.N, new.Hash, p.Index, tlog.RecordHash(p.Leaf)); err != nil {
			return fmt.Errorf("inclusion of leaf %d: %w", p.Index, err)
		}
		ours, err := tlog.ProveRecord(new.N, p.Index, reader)
		if err != nil || fmt.Sprint(ours) != fmt.Sprint(tlog.RecordProof(hashes)) {
			return fmt.Errorf("inclusion of leaf %d: Go proves it otherwise: %w", p.Index, err)
		}
	}
	hashes, err := toHashes(given.Consistency)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(hashes, new.N, new.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	return nil
}

func toHashes(given [][]byte) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(given))
	for at, hash := range given {
		if copy(hashes[at][:], hash) != tlog.HashSize || len(hash) != tlog.HashSize {
			return nil, errors.New("a hash of another length")
		}
	}
	return hashes, nil
}

// tiles reads hash tiles from the folder, as a client of any web server would.
type tiles struct{ folder string }

func (t tiles) Height() int                     { return tileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		content, err := os.ReadFile(filepath.Join(t.folder, tilePath(tile)))
		if err != nil {
			return nil, err
		}
		if len(content) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has another length", tilePath(tile))
		}
		read = append(read, content)
	}
	return read, nil
}

// tilePath turns Go's tile/8/data/… and tile/8/L/… into C2SP's tile/entries/… and tile/L/…
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/"+strconv.Itoa(tile.H)+"/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// cosigner verifies c2sp.org/tlog-cosignature/v1, which package note leaves to others: its key type is 4.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, material, _ := strings.Cut(rest, "+")
	hash, err := strconv.ParseUint(id, 16, 32)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(material)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("not a cosigner's key")
	}
	return &cosigner{name, uint32(hash), key[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}
