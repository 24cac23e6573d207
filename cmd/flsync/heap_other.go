//go:build !linux

package main

// largePages does nothing: large pages are not for the asking.
func largePages(int) {}
