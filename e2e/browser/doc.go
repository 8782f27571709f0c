// Package browser proves package sse with the EventSource of a real browser: headless Chromium. Its tests need the build tag chromium, so that
// a machine without a browser can run all others; .ci/browser runs them:
//
//	go -C e2e test -tags chromium ./browser
package browser
