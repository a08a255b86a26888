"""`/docs`: the API documentation in the browser, with nothing from outside."""
