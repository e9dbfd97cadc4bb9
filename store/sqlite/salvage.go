package sqlite

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// A salvage copies one table, row by row, past what cannot be read. It reads a
// table along its key from both ends. In the part that is left between, it
// looks up the middle, and so on.
type salvage struct {
	from, to *conn
	done     Salvaged

	columns []column
	key     []string // the columns of the primary key, or the rowid
	insert  string
	failed  error // an error of writing, which ends everything
	tries   int
}

// maxDepth and maxTries bound the halving of what cannot be read.
const (
	maxDepth = 24
	maxTries = 20_000
)

type column struct{ name, kind string }

// A key is a row's place in its table.
type key []any

func (s *salvage) run() error {
	if err := s.describe(); err != nil {
		return err
	}
	low, whole := s.read(nil, nil, true)
	if whole || s.failed != nil {
		return s.failed
	}
	if low == nil {
		low = s.zero()
	}
	high, _ := s.read(low, nil, false)
	s.between(low, high, maxDepth)
	return s.failed
}

// zero returns a key before all others.
func (s *salvage) zero() key {
	zero := make(key, len(s.key))
	for i, name := range s.key {
		switch at := slices.IndexFunc(s.columns, func(c column) bool { return c.name == name }); {
		case at < 0 || s.columns[at].kind == "INTEGER":
			zero[i] = int64(0)
		case s.columns[at].kind == "TEXT":
			zero[i] = ""
		default:
			zero[i] = []byte{}
		}
	}
	return zero
}

// between reads what it can of the rows between two keys, next to which nothing
// can be read.
func (s *salvage) between(low, high key, depth int) {
	middle, ok := halfway(low, high)
	if !ok || depth == 0 || s.tries > maxTries || s.failed != nil {
		s.done.Incomplete = true
		return
	}
	s.tries++
	before := s.done.Rows
	last, above := s.read(middle, high, true)
	first, below := s.read(low, middle, false)
	if last == nil {
		last = middle
	}
	if first == nil {
		first = middle
	}
	if s.done.Rows == before && !above && !below && depth < maxDepth-8 {
		s.done.Incomplete = true // a part, most likely all of one page
		return
	}
	if !above {
		s.between(last, high, depth-1)
	}
	if !below {
		s.between(low, first, depth-1)
	}
}

// read saves the rows whose keys are above low and below high, in that order or
// from the end. It returns the key of the last row that it could read, and
// reports whether it reached the end.
func (s *salvage) read(low, high key, upward bool) (last key, whole bool) {
	order := " DESC"
	if upward {
		order = ""
	}
	var where []string
	var args []any
	for _, end := range []struct {
		is  string
		key key
	}{{">", low}, {"<", high}} {
		if end.key != nil {
			places := make([]string, len(s.key))
			for i := range places {
				args = append(args, end.key[i])
				places[i] = fmt.Sprint("$", len(args))
			}
			where = append(where, fmt.Sprintf("(%s) %s (%s)", strings.Join(s.key, ", "), end.is, strings.Join(places, ", ")))
		}
	}
	query := "SELECT " + s.names() + ", " + strings.Join(s.key, ", ") + " FROM " + s.done.Table + " NOT INDEXED"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY " + strings.Join(s.key, order+", ") + order
	err := s.from.Query(query, func(r sqlstore.Row) error {
		values := r.(row) //nolint:forcetypeassert // conn's own type
		last = last[:0]
		for _, v := range values[len(s.columns):] {
			last = append(last, copied(v))
		}
		return s.save(values[:len(s.columns)])
	}, args...)
	return last, err == nil
}

// copied copies bytes that must outlive the row from which they were read.
func copied(v any) any {
	if b, ok := v.([]byte); ok {
		return bytes.Clone(b)
	}
	return v
}

// save writes a row, unless it holds what its columns cannot have held.
func (s *salvage) save(values row) error {
	args := make([]any, len(values))
	for i, v := range values {
		if !s.columns[i].takes(v) {
			s.done.Unreadable++
			return nil
		}
		args[i] = v
	}
	n, err := s.to.Exec(s.insert, args...)
	s.done.Rows += int(n)
	if err != nil {
		s.failed = err
	}
	return err
}

func (c column) takes(v any) bool {
	ok := v == nil // OR IGNORE leaves out rows that lack a required value
	switch v.(type) {
	case int64:
		ok = c.kind == "INTEGER"
	case string:
		ok = c.kind == "TEXT"
	case []byte:
		ok = c.kind == "BLOB"
	}
	return ok
}

func (s *salvage) names() string {
	names := make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// describe finds the columns that the damaged table and the fresh one share.
func (s *salvage) describe() error {
	fresh, _, err := columnsOf(s.to, s.done.Table)
	if err != nil {
		return err
	}
	old, keys, err := columnsOf(s.from, s.done.Table)
	if err != nil {
		return err
	}
	s.columns = slices.DeleteFunc(old, func(c column) bool { return !slices.Contains(fresh, c) })
	s.key = keys
	if err := s.from.Query("SELECT 1 FROM pragma_table_list WHERE name = $1 AND wr = 0", func(sqlstore.Row) error {
		s.key = []string{"rowid"}
		return nil
	}, s.done.Table); err != nil {
		return err
	}
	places := make([]string, len(s.columns))
	for i := range places {
		places[i] = fmt.Sprint("$", i+1)
	}
	s.insert = fmt.Sprintf("INSERT OR IGNORE INTO %s (%s) VALUES (%s)",
		s.done.Table, s.names(), strings.Join(places, ", "))
	return nil
}

func columnsOf(c *conn, table string) (columns []column, keys []string, err error) {
	err = c.Query("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid", func(r sqlstore.Row) error {
		var col column
		var pk int64
		err := r.Scan(&col.name, &col.kind, &pk)
		columns = append(columns, col)
		if pk > 0 { // our keys have their columns in the table's order
			keys = append(keys, col.name)
		}
		return err
	}, table)
	return columns, keys, err
}

// halfway returns a key between two, by the first column in which they differ.
// ok is false if there is none. A nil high is the end of the table.
func halfway(low, high key) (middle key, ok bool) {
	for i := range low {
		var end any
		if high != nil {
			end = high[i]
		}
		if end != nil && fmt.Sprint(low[i]) == fmt.Sprint(end) {
			continue
		}
		between, ok := halfwayValue(low[i], end)
		if !ok {
			return nil, false
		}
		middle := slices.Clone(low)
		middle[i] = between
		return middle, true
	}
	return nil, false
}

func halfwayValue(low, high any) (any, bool) {
	switch low := low.(type) {
	case int64:
		high, known := high.(int64)
		if !known {
			high = 2*low + 1<<20
		}
		return low + (high-low)/2, high-low > 1
	case string:
		high, known := high.(string)
		between, ok := halfwayBytes([]byte(low), []byte(high), known)
		return string(between), ok
	case []byte:
		high, known := high.([]byte)
		return halfwayBytes(low, high, known)
	}
	return nil, false
}

// halfwayBytes treats bytes as digits behind a point, with a few more digits
// than both have.
func halfwayBytes(low, high []byte, known bool) ([]byte, bool) {
	n := max(len(low), len(high)) + 2
	number := func(b []byte) *big.Int {
		return new(big.Int).SetBytes(append(slices.Clone(b), make([]byte, n-len(b))...))
	}
	a, b := number(low), number(high)
	if !known {
		b = new(big.Int).Lsh(big.NewInt(1), uint(8*n))
	}
	middle := new(big.Int).Rsh(new(big.Int).Add(a, b), 1)
	return middle.FillBytes(make([]byte, n)), middle.Cmp(a) > 0 && middle.Cmp(b) < 0
}
