// Package checkup finds out from what Redis servers tell about themselves whether
// leases are safe on them. It knows no client: who has one answers as a [Node].
//
// What it asks is little and open to most users: INFO, TIME and GET tell nearly
// everything; CONFIG GET, which many servers refuse, adds some detail.
package checkup
