// Package wine runs the Windows program under Wine, as the script run beside it does: its tests need what
// that sets up.
package wine
