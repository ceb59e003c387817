package script

import (
	"net/http"
	"net/url"

	"github.com/dop251/goja"

	"github.com/longshore-project/longshore/collections"
)

// maxPayload is the most bytes of JSON that a webhook carries.
const maxPayload = 256 << 10

// notify is $longshore.notify(url, payload, {headers}?). It answers at once whether the webhook will be sent: false
// when too many wait.
func (c *call) notify(args goja.FunctionCall) goja.Value {
	target := c.webhookURL(c.textOf("url", args.Argument(0)))
	body, err := c.jsonOf(args.Argument(1))
	if err != nil {
		c.throw("the payload cannot be written as JSON: %s", err)
	}
	if len(body) > maxPayload {
		c.throw("the payload has %d bytes of JSON, more than %d", len(body), maxPayload)
	}
	w := newWebhook(target, body, c.headers(args.Argument(2)), c.file.name)
	return c.vm.ToValue(c.s.webhooks.add(w))
}

func (c *call) webhookURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(text) > collections.MaxURLBytes {
		c.throw("the URL of a webhook begins with http:// or https:// and a host")
	}
	return u
}

func (c *call) headers(arg goja.Value) http.Header {
	headers := http.Header{}
	if goja.IsUndefined(arg) || goja.IsNull(arg) {
		return headers
	}
	given, ok := c.fields("notify", arg, "headers")["headers"]
	if !ok {
		return headers
	}
	var values map[string]string
	if err := c.vm.ExportTo(given, &values); err != nil {
		c.throw("headers must be an object of texts")
	}
	for name, value := range values {
		headers.Set(name, value)
	}
	return headers
}
