package store

import (
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const messageColumns = `queue, service, id, lane, topic, state, due_at, leased, epoch, attempt, crashes,
	enqueued_at, ended_at, reason, payload, body`

// SuspectCrashes is from how many crashes on a message is a suspect, see
// ClaimSuspects. The indexes of the message table name the same number.
const SuspectCrashes = 2

// InsertMessage adds a message, or answers ErrExists when its key is taken,
// whatever became of the message that has it.
func (tx *Tx) InsertMessage(m *ebb.Message) error {
	n, err := tx.exec("INSERT INTO message ("+messageColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (queue, service, id) DO NOTHING`,
		m.Queue, string(m.Service), string(m.ID), m.Lane, m.Group, int(m.State), m.Due.UnixMilli(), flag(m.Leased),
		m.Epoch, m.Attempt, m.Crashes, m.EnqueuedAt.UnixMilli(), millis(m.EndedAt), m.Reason, string(m.Payload), blob(m.Body))
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// claimMessages leases those of the messages that a SELECT finds. One whose lease
// ended unrenewed is due as well: it loses the lease, counts a crash and is left
// for the next claim.
func (tx *Tx) claimMessages(which string, until time.Time, args ...any) ([]*ebb.Message, error) {
	var ms []*ebb.Message
	err := tx.rows(`UPDATE message SET leased = 1 - leased, crashes = crashes + leased, epoch = epoch + 1,
			attempt = attempt + 1 - leased, due_at = CASE WHEN leased = 1 THEN due_at ELSE ? END
		WHERE (queue, service, id) IN (SELECT queue, service, id FROM message `+which+tx.skipLocked()+`)
		RETURNING `+messageColumns,
		append([]any{until.UnixMilli()}, args...), func(scan func(...any) error) error {
			m, err := scanMessage(scan)
			if err == nil && m.Leased {
				ms = append(ms, m)
			}
			return err
		})
	return ms, err
}

// ClaimMessages leases up to limit due messages of a lane until until, those
// due longest first. Suspects are left out.
func (tx *Tx) ClaimMessages(queue, lane string, now, until time.Time, limit int) ([]*ebb.Message, error) {
	return tx.claimMessages(`WHERE queue = ? AND lane = ? AND state = 0 AND crashes < 2 AND due_at <= ?
		ORDER BY due_at LIMIT ?`, until, queue, lane, now.UnixMilli(), limit)
}

// DueMessages are those that ClaimMessages would lease, those whose lease ended
// unrenewed among them. Nothing is changed.
func (tx *Tx) DueMessages(queue, lane string, now time.Time, limit int) ([]*ebb.Message, error) {
	return tx.messages("SELECT "+messageColumns+` FROM message WHERE queue = ? AND lane = ? AND state = 0 AND crashes < 2 AND due_at <= ?
		ORDER BY due_at LIMIT ?`, queue, lane, now.UnixMilli(), limit)
}

// LeaseMessage leases a message that DueMessages found, as it was then at epoch.
// ErrChanged: it is another by now, or leased.
func (tx *Tx) LeaseMessage(key ebb.MessageKey, epoch int64) error {
	return held(tx.exec(`UPDATE message SET leased = 1, epoch = epoch + 1, attempt = attempt + 1
		WHERE queue = ? AND service = ? AND id = ? AND epoch = ? AND leased = 0 AND state = 0`,
		key.Queue, string(key.Service), string(key.ID), epoch))
}

// ClaimSuspects leases up to limit due suspects of a queue that crashed most
// times or fewer, those due longest first.
func (tx *Tx) ClaimSuspects(queue string, most int, now, until time.Time, limit int) ([]*ebb.Message, error) {
	return tx.claimMessages(`WHERE queue = ? AND state = 0 AND crashes > 1 AND crashes <= ? AND due_at <= ?
		ORDER BY due_at LIMIT ?`, until, queue, most, now.UnixMilli(), limit)
}

// NextMessage returns when the earliest message of a lane is due (for a leased
// one, when its lease ends), or ErrNotFound. Suspects are left out.
func (tx *Tx) NextMessage(queue, lane string) (time.Time, error) {
	return tx.due(`SELECT due_at FROM message WHERE queue = ? AND lane = ? AND state = 0 AND crashes < 2
		ORDER BY due_at LIMIT 1`, queue, lane)
}

// NextSuspect is NextMessage for the suspects of a queue.
func (tx *Tx) NextSuspect(queue string) (time.Time, error) {
	return tx.due(`SELECT due_at FROM message WHERE queue = ? AND state = 0 AND crashes > 1
		ORDER BY due_at LIMIT 1`, queue)
}

// NextLane returns the lane after a given one that has live messages, and when
// the earliest of them is due, or ErrNotFound.
func (tx *Tx) NextLane(queue, after string) (lane string, due time.Time, err error) {
	err = tx.row(`SELECT lane, due_at FROM message WHERE queue = ? AND lane > ? AND state = 0 AND crashes < 2
		ORDER BY lane, due_at LIMIT 1`, []any{queue, after}, func(scan func(...any) error) error {
		var ms int64
		err := scan(&lane, &ms)
		due = fromMillis(ms)
		return err
	})
	return lane, due, err
}

// RenewMessage moves the end of a lease. ErrChanged: the caller does not hold it.
func (tx *Tx) RenewMessage(key ebb.MessageKey, epoch int64, until time.Time) error {
	return held(tx.exec(`UPDATE message SET due_at = ? WHERE queue = ? AND service = ? AND id = ?
		AND epoch = ? AND leased = 1 AND state = 0`,
		until.UnixMilli(), key.Queue, string(key.Service), string(key.ID), epoch))
}

// ReleaseMessage ends a lease: the message is due again at due, with another
// body unless that is nil. begun says that the attempt counts. ErrChanged: the
// caller does not hold it.
func (tx *Tx) ReleaseMessage(key ebb.MessageKey, epoch int64, due time.Time, begun bool, crashes int, body []byte) error {
	args := []any{due.UnixMilli(), 1 - flag(begun), crashes}
	set := ""
	if body != nil {
		set = ", body = ?"
		args = append(args, body)
	}
	args = append(args, key.Queue, string(key.Service), string(key.ID), epoch)
	return held(tx.exec(`UPDATE message SET leased = 0, due_at = ?, attempt = attempt - ?, crashes = ?`+set+`
		WHERE queue = ? AND service = ? AND id = ? AND epoch = ? AND leased = 1 AND state = 0`, args...))
}

// RepeatMessage makes a leased message one that is new at now, due at due and with
// another body. ErrChanged: the caller does not hold its lease.
func (tx *Tx) RepeatMessage(key ebb.MessageKey, epoch int64, now, due time.Time, body []byte) error {
	return held(tx.exec(`UPDATE message SET leased = 0, due_at = ?, attempt = 0, crashes = 0, enqueued_at = ?, body = ?
		WHERE queue = ? AND service = ? AND id = ? AND epoch = ? AND leased = 1 AND state = 0`,
		due.UnixMilli(), now.UnixMilli(), blob(body), key.Queue, string(key.Service), string(key.ID), epoch))
}

// DeleteMessage removes a message whose work is done. ErrChanged: the caller
// does not hold its lease.
func (tx *Tx) DeleteMessage(key ebb.MessageKey, epoch int64) error {
	return held(tx.exec(`DELETE FROM message WHERE queue = ? AND service = ? AND id = ?
		AND epoch = ? AND leased = 1 AND state = 0`,
		key.Queue, string(key.Service), string(key.ID), epoch))
}

// EndMessage makes a leased message of m's key and epoch what m says: state,
// reason, payload, body, when it ended and when it is removed. ErrChanged: the
// caller does not hold its lease.
func (tx *Tx) EndMessage(m *ebb.Message) error {
	return held(tx.exec(`UPDATE message SET state = ?, leased = 0, due_at = ?, ended_at = ?, reason = ?, payload = ?, body = ?
		WHERE queue = ? AND service = ? AND id = ? AND epoch = ? AND leased = 1 AND state = 0`,
		int(m.State), m.Due.UnixMilli(), millis(m.EndedAt), m.Reason, string(m.Payload), blob(m.Body),
		m.Queue, string(m.Service), string(m.ID), m.Epoch))
}

// StopMessage ends a live message whoever holds it, so that what its holder
// writes later changes nothing. ErrChanged: it is not live.
func (tx *Tx) StopMessage(key ebb.MessageKey, reason string, now, until time.Time) error {
	return held(tx.exec(`UPDATE message SET state = 3, leased = 0, epoch = epoch + 1, due_at = ?, ended_at = ?, reason = ?
		WHERE queue = ? AND service = ? AND id = ? AND state = 0`,
		until.UnixMilli(), now.UnixMilli(), reason, key.Queue, string(key.Service), string(key.ID)))
}

// RemoveMessage removes a live message, if it is one, whoever holds it.
func (tx *Tx) RemoveMessage(key ebb.MessageKey) error {
	_, err := tx.exec("DELETE FROM message WHERE queue = ? AND service = ? AND id = ? AND state = 0", key.Queue, string(key.Service), string(key.ID))
	return err
}

// RedriveMessage makes a dead letter live again as if it were new, with another
// body unless that is nil. ErrChanged: it is not dead.
func (tx *Tx) RedriveMessage(key ebb.MessageKey, now time.Time, body []byte) error {
	args := []any{now.UnixMilli(), now.UnixMilli()}
	set := ""
	if body != nil {
		set = ", body = ?"
		args = append(args, body)
	}
	args = append(args, key.Queue, string(key.Service), string(key.ID))
	return held(tx.exec(`UPDATE message SET state = 0, leased = 0, epoch = epoch + 1, attempt = 0, crashes = 0,
		due_at = ?, enqueued_at = ?, ended_at = 0, reason = ''`+set+`
		WHERE queue = ? AND service = ? AND id = ? AND state = 2`, args...))
}

// EndLeases ends the leases of a queue at now, and reports how many. It is for a
// process that knows that every holder is gone.
func (tx *Tx) EndLeases(queue string, now time.Time) (int64, error) {
	return tx.exec("UPDATE message SET due_at = ? WHERE queue = ? AND state = 0 AND leased = 1 AND due_at > ?",
		now.UnixMilli(), queue, now.UnixMilli())
}

// RemoveEnded removes up to limit messages that are not live and were kept until
// now at most, and reports how many.
func (tx *Tx) RemoveEnded(now time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM message WHERE (queue, service, id) IN (SELECT queue, service, id FROM message
		WHERE state > 0 AND due_at <= ? ORDER BY due_at LIMIT ?`+tx.skipLocked()+`)`, now.UnixMilli(), limit)
}

// Message returns a message, or ErrNotFound.
func (tx *Tx) Message(key ebb.MessageKey) (*ebb.Message, error) {
	return tx.message("SELECT "+messageColumns+" FROM message WHERE queue = ? AND service = ? AND id = ?",
		key.Queue, string(key.Service), string(key.ID))
}

// MessageFilter chooses messages of one queue and service.
type MessageFilter struct {
	Queue   string
	Service ebb.ServiceID
	Group   string // "" = all
	Prefix  string // of the id
	State   *ebb.MessageState
	Before  ebb.MessageID // only ids below it; "" = from the highest
}

// scanLimit bounds how many messages one call of Messages looks at.
const scanLimit = 5000

// Messages returns up to limit messages, by descending id, and where to go on:
// next is "" when there are no more. A page may be short, even empty, and still
// have a next: no call looks at more than some thousand messages.
func (tx *Tx) Messages(f MessageFilter, limit int) (ms []*ebb.Message, next ebb.MessageID, err error) {
	low, high := f.Prefix, f.Prefix+"\x7f"
	if f.Before != "" && string(f.Before) < high {
		high = string(f.Before)
	}
	state := -1
	if f.State != nil {
		state = int(*f.State)
	}
	if state == int(ebb.MessageDead) {
		ms, err = tx.messages("SELECT "+messageColumns+` FROM message WHERE queue = ? AND service = ? AND id >= ? AND id < ?
			AND state = 2 AND (? = '' OR topic = ?) ORDER BY id DESC LIMIT ?`,
			f.Queue, string(f.Service), low, high, f.Group, f.Group, limit)
		if len(ms) == limit {
			next = ms[limit-1].ID
		}
		return ms, next, err
	}
	bound := ""
	err = tx.row(`SELECT id FROM message WHERE queue = ? AND service = ? AND id >= ? AND id < ?
		ORDER BY id DESC LIMIT 1 OFFSET ?`, []any{f.Queue, string(f.Service), low, high, scanLimit - 1},
		func(scan func(...any) error) error { return scan(&bound) })
	switch {
	case err == nil:
		low = bound
	case !errors.Is(err, ErrNotFound):
		return nil, "", err
	}
	ms, err = tx.messages("SELECT "+messageColumns+` FROM message WHERE queue = ? AND service = ? AND id >= ? AND id < ?
		AND (? = '' OR topic = ?) AND (? < 0 OR state = ?) ORDER BY id DESC LIMIT ?`,
		f.Queue, string(f.Service), low, high, f.Group, f.Group, state, state, limit)
	switch {
	case err != nil:
	case len(ms) == limit:
		next = ms[limit-1].ID
	case bound != "":
		next = ebb.MessageID(bound)
	}
	return ms, next, err
}

// CountMessages calls each with every lane that has live messages: how many,
// and when the earliest is or was due. Suspects count like others; they have an
// index of their own, so each half is counted by the one that has it.
func (tx *Tx) CountMessages(each func(queue, lane string, count int64, due time.Time)) error {
	return tx.rows(`SELECT queue, lane, sum(n), min(due) FROM (
			SELECT queue, lane, count(*) AS n, min(due_at) AS due FROM message WHERE state = 0 AND crashes < 2 GROUP BY queue, lane
			UNION ALL
			SELECT queue, lane, count(*), min(due_at) FROM message WHERE state = 0 AND crashes > 1 GROUP BY queue, lane) AS halves
		GROUP BY queue, lane ORDER BY queue, lane`, nil, func(scan func(...any) error) error {
		var queue, lane string
		var count, due int64
		if err := scan(&queue, &lane, &count, &due); err != nil {
			return err
		}
		each(queue, lane, count, fromMillis(due))
		return nil
	})
}

// CountLanes counts the live messages of a queue in the lanes from one on and before
// another, up to most. Suspects are left out.
func (tx *Tx) CountLanes(queue, from, before string, most int) (n int, err error) {
	err = tx.row(`SELECT count(*) FROM (SELECT 1 FROM message WHERE queue = ? AND lane >= ? AND lane < ? AND state = 0 AND crashes < 2
		LIMIT ?) AS waiting`, []any{queue, from, before, most}, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// Payloads calls each with the digest of every payload that a message refers to.
func (tx *Tx) Payloads(each func(ebb.Digest)) error {
	return tx.rows("SELECT payload FROM message WHERE payload <> '' UNION SELECT digest FROM execution_payload", nil, func(scan func(...any) error) error {
		var d string
		if err := scan(&d); err != nil {
			return err
		}
		each(ebb.Digest(d))
		return nil
	})
}

func (tx *Tx) due(query string, args ...any) (due time.Time, err error) {
	err = tx.row(query, args, func(scan func(...any) error) error {
		var ms int64
		err := scan(&ms)
		due = fromMillis(ms)
		return err
	})
	return due, err
}

func (tx *Tx) message(query string, args ...any) (*ebb.Message, error) {
	var m *ebb.Message
	err := tx.row(query, args, func(scan func(...any) error) (err error) {
		m, err = scanMessage(scan)
		return err
	})
	return m, err
}

func (tx *Tx) messages(query string, args ...any) ([]*ebb.Message, error) {
	var ms []*ebb.Message
	err := tx.rows(query, args, func(scan func(...any) error) error {
		m, err := scanMessage(scan)
		ms = append(ms, m)
		return err
	})
	return ms, err
}

func scanMessage(scan func(...any) error) (*ebb.Message, error) {
	m := new(ebb.Message)
	var due, leased, enqueued, ended int64
	if err := scan(&m.Queue, &m.Service, &m.ID, &m.Lane, &m.Group, &m.State, &due, &leased, &m.Epoch, &m.Attempt,
		&m.Crashes, &enqueued, &ended, &m.Reason, &m.Payload, &m.Body); err != nil {
		return nil, err
	}
	m.Due, m.Leased = fromMillis(due), leased != 0
	m.EnqueuedAt, m.EndedAt = fromMillis(enqueued), someTime(ended)
	return m, nil
}

// held turns "no row was touched" into ErrChanged.
func held(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// blob is bytes as the database has them: never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
