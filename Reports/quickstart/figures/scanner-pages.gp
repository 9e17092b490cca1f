# Pages as the scanner counts them
# Draws scanner-pages.csv into scanner-pages.svg: run "gnuplot scanner-pages.gp" in this folder.
set encoding utf8
set terminal svg size 960,400 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'scanner-pages.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set xrange [0:90000000000/1000000000.0]
set arrow from screen 0.08125, 0.95000 to screen 0.10833, 0.95000 nohead front linewidth 2.5 dashtype solid linecolor rgb '#009E73'
set label 'Sharing' at screen 0.11563, 0.95000 left front textcolor rgb '#333C46'
set arrow from screen 0.19625, 0.95000 to screen 0.22333, 0.95000 nohead front linewidth 2.5 dashtype (5,3) linecolor rgb '#0072B2'
set label 'Shared' at screen 0.23062, 0.95000 left front textcolor rgb '#333C46'
set arrow from screen 0.30271, 0.95000 to screen 0.32979, 0.95000 nohead front linewidth 2.5 dashtype (1.5,2) linecolor rgb '#D55E00'
set label 'Unshared' at screen 0.33708, 0.95000 left front textcolor rgb '#333C46'
set arrow from screen 0.42625, 0.95000 to screen 0.45333, 0.95000 nohead front linewidth 2.5 dashtype solid linecolor rgb '#CC79A7'
set label 'Volatile' at screen 0.46062, 0.95000 left front textcolor rgb '#333C46'
set arrow from screen 0.54979, 0.95000 to screen 0.57687, 0.95000 nohead front linewidth 2.5 dashtype (5,3) linecolor rgb '#56B4E9'
set label 'Zero' at screen 0.58417, 0.95000 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.97500
set tmargin at screen 0.88000; set bmargin at screen 0.14000
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
set ylabel 'Pages (MiB)' textcolor rgb '#333C46'
set yrange [0:1046.784375]; set ytics 0, 200.0
plot 'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($2/256.0) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($2/256.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#009E73', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($3/256.0) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($3/256.0) with lines linewidth 2.2 dashtype (5,3) linecolor rgb '#0072B2', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($4/256.0) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($4/256.0) with lines linewidth 2.2 dashtype (1.5,2) linecolor rgb '#D55E00', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($5/256.0) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($5/256.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#CC79A7', \
  'scanner-pages.csv' every 1 skip 1 using ($1/1000000000.0):($6/256.0) with lines linewidth 2.2 dashtype (5,3) linecolor rgb '#56B4E9'
