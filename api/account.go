package api

// accountRoutes are what a person does with an account.
func (a *API) accountRoutes() []route {
	return []route{}
}
