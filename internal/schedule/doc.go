// Package schedule tells when something is due next: by a cron expression, a
// rate or one moment, in a time zone, on the days of a bank's calendar.
//
// It owns the expressions (Parse), calendars with holidays, swapped working days
// and business dates (Calendar), and nothing else: no clock, no timer, nothing is
// kept. Whoever fires (package trigger/timer) says what time it is.
//
// Invariants:
//
//  1. Next is a function of the schedule and the moment it is given, and its
//     answer is later than that moment. Asking again from each answer visits
//     every fire once, in order.
//
//  2. A cron expression speaks of the clock on the wall. A time that the wall
//     clock skips is skipped; one that it shows twice is due once, the first time.
//
//  3. A rate counts seconds from its anchor and knows no wall clock.
//
//  4. What Parse accepts is due at least once in principle: expressions that name
//     no existing day (30 February) are refused.
//
//  5. The cron arithmetic is the library's; ours is the dialects, the wall clock
//     and the calendars.
//
// The walk enters at Parse, from whoever checks a schedule, and at Next.
package schedule
