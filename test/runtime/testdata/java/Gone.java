/** Is left out of the package. */
public class Gone {}
