// Package wine runs the main job with the program of this system, or with flsync.exe under Wine, as the
// script run beside it does: its test needs what that sets up.
package wine
