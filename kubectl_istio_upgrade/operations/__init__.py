"""What a user can do, each as one function: options in, a result out. Nothing here prints, asks or exits."""
